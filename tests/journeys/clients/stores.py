"""Files, vector stores and the Assistants API, with the `openai` package that runs it: any of 1.x to 3.x.

    python stores.py PROGRAM PDF BASE_URL KEY

PROGRAM is `searches` (for a service that quotes) or `functions` (for one whose model calls tools in pairs).
"""

import sys
import warnings
from pathlib import Path

import openai

sys.path.insert(0, str(Path(__file__).parents[3]))

from tests.journeys import openai_assistants, openai_storage


def main(program: str, pdf: str, base_url: str, key: str) -> None:
    """Each step gets a client; the first that fails ends the program."""
    content = Path(pdf).read_bytes()
    warnings.simplefilter("ignore", DeprecationWarning)
    with openai.OpenAI(base_url=base_url, api_key=key, max_retries=0, timeout=60) as client:
        if program == "functions":
            openai_assistants.functions(client)
        else:
            for resource in openai_storage.RESOURCES:
                resource(client)
            openai_assistants.file_search(client, content)
            openai_assistants.streaming(client, content)
            openai_assistants.refusals(client)
    print(f"openai {openai.__version__}: all passed")


if __name__ == "__main__":
    main(*sys.argv[1:])
