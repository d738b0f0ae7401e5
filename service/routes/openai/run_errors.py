"""Why a run does not go on."""


class RunInterrupted(Exception):
    """The service was stopped while the run was at work; create the run again."""


class ToolOutputsWrong(Exception):
    """The outputs are not those of the calls that the run waits for; the message says which are missing."""
