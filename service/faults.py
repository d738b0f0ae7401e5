"""Which status and code each exception has. A test holds every exception of ours against this table."""

from instructions.format import InstructionError
from instructions.prompt import PromptTooLong
from knowledge.conversion import ConversionFailed, EmbedderNotFound
from knowledge.embeddings import EmbedderUnavailable
from knowledge.errors import (
    DocumentNotFound,
    KnowledgeError,
    NameTaken,
    PageNotFound,
    Superseded,
    UnusableAttributes,
    UnusableFilter,
    UnusableSettings,
)
from knowledge.reranking import RerankerNotFound
from service.access import ForeignOrigin, NoKnowledgeBase, NotAllowed, NotSignedIn
from service.actions.accounts import ConsentUnknown, NothingToConnect
from service.actions.credentials import CredentialsInvalid
from service.actions.importing import OperationUnknown
from service.actions.mcp_tools import CommandNotAllowed, ServerUnusable
from service.actions.source import SpecInvalid
from service.actions.vault import SecretsLocked
from service.answering import ConfirmationStale, UnusableToolMessages
from service.attachments import UnusableAttachment
from service.budgeting import BudgetExceeded, BudgetSpent, TooManyRequests
from service.errors import INVALID, Fault
from service.files import ChecksumWrong
from service.installation import StillStarting
from service.model_errors import (
    ModelBroken,
    ModelError,
    ModelMisconfigured,
    ModelRateLimited,
    ModelRejected,
    ModelTimeout,
    ModelUnavailable,
)
from service.openai_assistants import ToolNotOffered
from service.passwords import PasswordTooWeak, SignInBusy
from service.pictures import UnusableImage
from service.routes.budgets import NoPrices, UnusableBudget, UnusableReport
from service.routes.members import NoResetLink
from service.routes.openai.embeddings import UnusableEmbeddingInput, UnusableEmbeddingModel
from service.routes.openai.items import ItemNotFound, UnusableItems
from service.routes.openai.messages import UnusableMessages
from service.routes.openai.response_shapes import UnusableRequest
from service.routes.openai.run_errors import RunInterrupted, ToolOutputsWrong
from service.routes.openai.thread_shapes import UnusableContent
from service.seats import TooManyAnswers
from service.sign_in import AddressUnusable, LinkUnusable, NoAccount, NoTeam, WrongPassword
from service.store.actions import ActionNameTaken, ActionNotFound
from service.store.assistants import AssistantNotFound
from service.store.attempts import TooManyAttempts
from service.store.audit import AuditBroken
from service.store.budgets import BudgetNotFound
from service.store.confirmations import ApprovalNotFound, ConfirmationNotFound, ConfirmationOver
from service.store.conversations import ConversationNotFound
from service.store.files import FileNotFound, UploadNotFound, UploadNotOpen, UploadPartsWrong
from service.store.invitations import AlreadyMember, InvitationNotFound
from service.store.keys import KeyNotFound, KeyNotUsable
from service.store.knowledge_bases import KnowledgeBaseNotFound
from service.store.mcp_servers import McpServerNameTaken, McpServerNotFound
from service.store.members import LastOwner, MemberNotFound
from service.store.pages import CursorNotFound
from service.store.people import AddressTaken
from service.store.responses import ResponseNotFound
from service.store.sessions import SessionNotFound
from service.store.teams import NotConfirmed, SlugTaken, TeamNotFound
from service.store.threads import (
    MessageNotFound,
    RunNotFound,
    RunNotWaiting,
    StepNotFound,
    ThreadBusy,
    ThreadNotFound,
)
from service.store.vector_stores import FileBatchNotFound, VectorStoreNotFound
from service.tools import ToolArgumentsInvalid, ToolCallFailed
from service.turns import ConfirmationInRun, ModelCannot, NothingAsked
from service.uploads import UploadMalformed, UploadTooLarge
from service.vector_stores import VectorStoreExpired

_MODEL = "model_error"

TABLE: dict[type[BaseException], Fault] = {
    NotSignedIn: Fault(401, "authentication_error", "invalid_api_key"),
    NotAllowed: Fault(403, "permission_error", "not_allowed"),
    ForeignOrigin: Fault(403, "permission_error", "foreign_origin"),
    AssistantNotFound: Fault(404, INVALID, "model_not_found", "model"),
    KnowledgeBaseNotFound: Fault(404, INVALID, "knowledge_base_not_found", "knowledge"),
    ConversationNotFound: Fault(404, INVALID, "conversation_not_found", "conversation"),
    DocumentNotFound: Fault(404, INVALID, "document_not_found"),
    NameTaken: Fault(409, INVALID, "name_taken", "name"),
    PageNotFound: Fault(404, INVALID, "page_not_found"),
    KeyNotFound: Fault(404, INVALID, "key_not_found"),
    KeyNotUsable: Fault(409, INVALID, "key_not_usable"),
    MemberNotFound: Fault(404, INVALID, "member_not_found"),
    InvitationNotFound: Fault(404, INVALID, "invitation_not_found"),
    AlreadyMember: Fault(409, INVALID, "already_member"),
    AddressTaken: Fault(409, INVALID, "address_taken", "email"),
    AddressUnusable: Fault(400, INVALID, "invalid_address", "email"),
    LinkUnusable: Fault(400, INVALID, "link_unusable", "token"),
    NoAccount: Fault(409, INVALID, "no_account"),
    NoResetLink: Fault(409, INVALID, "no_reset_link"),
    NoTeam: Fault(403, "permission_error", "no_team"),
    NotConfirmed: Fault(400, INVALID, "not_confirmed", "confirm"),
    PasswordTooWeak: Fault(400, INVALID, "password_too_weak", "password"),
    WrongPassword: Fault(401, "authentication_error", "wrong_password"),
    TooManyAttempts: Fault(429, "rate_limit_error", "too_many_attempts"),
    SignInBusy: Fault(503, "server_error", "sign_in_busy"),
    LastOwner: Fault(409, INVALID, "last_owner"),
    SessionNotFound: Fault(404, INVALID, "session_not_found"),
    TeamNotFound: Fault(404, INVALID, "team_not_found"),
    AuditBroken: Fault(500, "server_error", "audit_broken"),
    CursorNotFound: Fault(400, INVALID, "invalid_cursor", "after"),
    SlugTaken: Fault(409, INVALID, "slug_taken", "slug"),
    Superseded: Fault(409, INVALID, "superseded"),
    UnusableSettings: Fault(400, INVALID, "invalid_settings", "settings"),
    UnusableFilter: Fault(400, INVALID, "invalid_filter", "filter"),
    UnusableAttributes: Fault(400, INVALID, "invalid_attributes", "attributes"),
    NoKnowledgeBase: Fault(409, INVALID, "no_knowledge_base", "knowledge"),
    KnowledgeError: Fault(500, "server_error", "knowledge_error"),
    InstructionError: Fault(400, INVALID, "invalid_instruction", "instruction"),
    UnusableAttachment: Fault(400, INVALID, "invalid_attachment", "file"),
    PromptTooLong: Fault(400, INVALID, "context_length_exceeded", "messages"),
    UnusableMessages: Fault(400, INVALID, "invalid_messages", "messages"),
    UnusableImage: Fault(400, INVALID, "invalid_image", "messages"),
    UnusableItems: Fault(400, INVALID, "invalid_input", "input"),
    UnusableRequest: Fault(400, INVALID, "invalid_request"),
    ResponseNotFound: Fault(404, INVALID, "response_not_found"),
    ItemNotFound: Fault(404, INVALID, "item_not_found"),
    NothingAsked: Fault(400, INVALID, "nothing_asked", "input"),
    ModelCannot: Fault(400, INVALID, "unsupported_by_model"),
    TooManyAnswers: Fault(503, "server_error", "too_many_answers"),
    UnusableToolMessages: Fault(400, INVALID, "invalid_messages", "messages"),
    UploadTooLarge: Fault(413, INVALID, "file_too_large", "file"),
    UploadMalformed: Fault(400, INVALID, "invalid_upload", "file"),
    ConfirmationNotFound: Fault(404, INVALID, "confirmation_not_found", "confirmation"),
    ConfirmationOver: Fault(409, INVALID, "confirmation_over", "confirmation"),
    ApprovalNotFound: Fault(404, INVALID, "approval_not_found"),
    ConfirmationStale: Fault(409, INVALID, "confirmation_stale", "confirmation"),
    ActionNotFound: Fault(404, INVALID, "action_not_found", "action"),
    OperationUnknown: Fault(404, INVALID, "operation_not_found", "operation"),
    ActionNameTaken: Fault(409, INVALID, "name_taken", "name"),
    McpServerNotFound: Fault(404, INVALID, "mcp_server_not_found", "server"),
    McpServerNameTaken: Fault(409, INVALID, "name_taken", "name"),
    CommandNotAllowed: Fault(403, "permission_error", "command_not_allowed", "command"),
    ServerUnusable: Fault(400, INVALID, "invalid_server", "url"),
    SpecInvalid: Fault(400, INVALID, "invalid_spec", "spec"),
    CredentialsInvalid: Fault(400, INVALID, "invalid_credentials", "auth"),
    NothingToConnect: Fault(409, INVALID, "nothing_to_connect", "action"),
    ConsentUnknown: Fault(400, INVALID, "unknown_consent", "state"),
    SecretsLocked: Fault(503, "server_error", "credentials_locked"),
    ToolArgumentsInvalid: Fault(400, INVALID, "invalid_arguments", "arguments"),
    ToolCallFailed: Fault(502, "server_error", "tool_call_failed"),
    UnicodeEncodeError: Fault(400, INVALID, "invalid_text"),  # half of a surrogate pair is no character
    ThreadNotFound: Fault(404, INVALID, "thread_not_found", "thread_id"),
    MessageNotFound: Fault(404, INVALID, "message_not_found", "message_id"),
    RunNotFound: Fault(404, INVALID, "run_not_found", "run_id"),
    StepNotFound: Fault(404, INVALID, "step_not_found", "step_id"),
    ThreadBusy: Fault(400, INVALID, "thread_busy", "thread_id"),
    RunNotWaiting: Fault(400, INVALID, "run_not_waiting", "run_id"),
    ConfirmationInRun: Fault(409, INVALID, "confirmation_in_run", "confirmation"),
    RunInterrupted: Fault(503, "server_error", "run_interrupted"),
    ToolOutputsWrong: Fault(400, INVALID, "invalid_tool_outputs", "tool_outputs"),
    ToolNotOffered: Fault(400, INVALID, "tool_not_offered", "tools"),
    UnusableContent: Fault(400, INVALID, "invalid_content", "content"),
    VectorStoreNotFound: Fault(404, INVALID, "vector_store_not_found", "vector_store_id"),
    VectorStoreExpired: Fault(400, INVALID, "vector_store_expired", "vector_store_id"),
    FileBatchNotFound: Fault(404, INVALID, "file_batch_not_found", "batch_id"),
    FileNotFound: Fault(404, INVALID, "file_not_found", "file_id"),
    UploadNotFound: Fault(404, INVALID, "upload_not_found", "upload_id"),
    UploadNotOpen: Fault(400, INVALID, "upload_not_open", "upload_id"),
    UploadPartsWrong: Fault(400, INVALID, "invalid_parts", "part_ids"),
    ChecksumWrong: Fault(400, INVALID, "checksum_wrong", "md5"),
    UnusableEmbeddingModel: Fault(404, INVALID, "model_not_found", "model"),
    UnusableEmbeddingInput: Fault(400, INVALID, "invalid_input", "input"),
    TooManyRequests: Fault(429, "rate_limit_error", "rate_limit_exceeded"),
    BudgetSpent: Fault(429, "insufficient_quota", "insufficient_quota"),
    BudgetExceeded: Fault(429, "insufficient_quota", "insufficient_quota"),
    BudgetNotFound: Fault(404, INVALID, "budget_not_found"),
    NoPrices: Fault(400, INVALID, "no_prices"),
    UnusableBudget: Fault(400, INVALID, "invalid_budget"),
    UnusableReport: Fault(400, INVALID, "invalid_report"),
    StillStarting: Fault(503, "server_error", "still_starting"),
    RerankerNotFound: Fault(503, "server_error", "reranker_not_found"),
    EmbedderNotFound: Fault(503, "server_error", "embedder_not_found"),
    ConversionFailed: Fault(503, "server_error", "embedder_not_ready"),
    EmbedderUnavailable: Fault(503, "server_error", "embedder_unavailable"),
    ModelMisconfigured: Fault(503, _MODEL, "model_misconfigured"),
    ModelUnavailable: Fault(502, _MODEL, "model_unavailable"),
    ModelTimeout: Fault(504, _MODEL, "model_timeout"),
    ModelRejected: Fault(502, _MODEL, "model_rejected"),
    ModelRateLimited: Fault(429, "rate_limit_error", "rate_limit_exceeded"),
    ModelBroken: Fault(502, _MODEL, "model_broken"),
    ModelError: Fault(502, _MODEL, "model_error"),
}
