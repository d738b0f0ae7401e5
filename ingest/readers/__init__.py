"""From a media type to pages."""
