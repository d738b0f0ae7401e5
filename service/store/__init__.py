"""Records in a database: tables, queries that take the team, migrations."""

from service.store.actions import Actions
from service.store.assistants import Assistants
from service.store.attempts import Attempts
from service.store.audit import Audit
from service.store.belongings import Belongings
from service.store.budgets import Budgets
from service.store.confirmations import Confirmations
from service.store.conversations import Conversations
from service.store.credentials import Credentials
from service.store.engine import Database
from service.store.files import Files
from service.store.invitations import Invitations
from service.store.keys import Keys
from service.store.knowledge_bases import KnowledgeBases
from service.store.mcp_servers import McpServers
from service.store.members import Members
from service.store.people import People
from service.store.responses import Responses
from service.store.sessions import Sessions
from service.store.teams import Teams
from service.store.threads import Threads
from service.store.vector_stores import VectorStores


class Store:
    """The records of an installation, by noun. Opening it brings the schema up to date."""

    def __init__(self, url: str) -> None:
        self.database = Database(url)
        self.database.migrate()
        self.teams = Teams(self.database)
        self.members = Members(self.database)
        self.people = People(self.database)
        self.invitations = Invitations(self.database)
        self.attempts = Attempts(self.database)
        self.keys = Keys(self.database)
        self.sessions = Sessions(self.database)
        self.credentials = Credentials(self.database)
        self.assistants = Assistants(self.database)
        self.actions = Actions(self.database)
        self.mcp_servers = McpServers(self.database)
        self.knowledge_bases = KnowledgeBases(self.database)
        self.conversations = Conversations(self.database)
        self.budgets = Budgets(self.database)
        self.confirmations = Confirmations(self.database)
        self.responses = Responses(self.database)
        self.files = Files(self.database)
        self.audit = Audit(self.database)
        self.vector_stores = VectorStores(self.database)
        self.threads = Threads(self.database)
        self.belongings = Belongings(self.database)

    def forget_document(self, team_id: str, document_id: str) -> int:
        """Take the text of a deleted document out of whatever is stored; how many answers that were."""
        self.confirmations.forget_document(team_id, document_id)
        answers = self.conversations.forget_document(team_id, document_id)
        answers += self.responses.forget_document(team_id, document_id)
        return answers + self.threads.forget_document(team_id, document_id)

    def close(self) -> None:
        """Give the connections back."""
        self.database.close()
