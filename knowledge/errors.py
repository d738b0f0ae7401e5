"""What can go wrong with a knowledge base. Each sentence says what to do."""


class KnowledgeError(Exception):
    """A knowledge base could not do what was asked."""

    def __str__(self) -> str:
        """The sentence of its kind, and what it is about."""
        about = ", ".join(str(each) for each in self.args)
        return f"{type(self).__doc__} ({about})" if about else str(type(self).__doc__)


class DocumentNotFound(KnowledgeError):
    """There is no such document in this knowledge base: list its documents to see which there are."""


class NameTaken(KnowledgeError):
    """The knowledge base has a document of this name: choose another, or delete that one first."""


class PageNotFound(KnowledgeError):
    """The document has no such page: pages count from 1 up to the document's number of pages."""


class Superseded(KnowledgeError):
    """This content is no longer the one being prepared: stop the work on it, a newer one won."""


class NotEmbedded(KnowledgeError):
    """Some chunks have no vector yet: embed what `unembedded` lists before publishing."""


class Remade(NotEmbedded):
    """The base cuts or embeds otherwise by now: make the chunks of this content again before publishing."""


class UnusableSettings(KnowledgeError):
    """The knowledge base stays as it is, because a setting cannot be used: change that setting."""


class UnknownSchema(KnowledgeError):
    """The knowledge base was written by a newer version of Doumi: update Doumi, or restore a backup."""


class UnusableFilter(KnowledgeError):
    """No such filter: write {type: eq|ne|gt|gte|lt|lte|in|nin, key, value} or {type: and|or, filters}."""


class UnusableAttributes(KnowledgeError):
    """These attributes cannot be kept: name each and give it a text, a number, or true or false."""
