"""Schemas of lists that people publish: headers and labels as they are signed, and what their authors send."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from api.schemas.me import MatrixId
from api.schemas.quotes import Unix
from reputation.lists.authoring import LICENCE, MOST_AT_ONCE
from reputation.lists.dangers import Danger
from reputation.lists.model import LONGEST_ENTITY, LONGEST_REASON, Recommendation, Subject
from reputation.lists.signed import LONGEST_DESCRIPTION, LONGEST_LICENCE, LONGEST_TITLE, Severity

ListId = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{1,22}$", examples=["q3Zk1x9fYw0Lr8Tb"])]
KeyName = Annotated[
    str,
    Field(
        description="`ed25519:` and the public key in URL-safe base64, so the name is all that verifying takes.",
        examples=["ed25519:0Pq2…"],
    ),
]
Version = Annotated[int, Field(ge=0, lt=2**53, description="Counts the list's changes, one for each label.")]
Hex = Annotated[str, Field(pattern="^[0-9a-f]{64}$", description="32 bytes in hexadecimal.")]


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True)


class SignatureOut(_Out):
    """Ed25519 over the object without `signature`, as Matrix's canonical JSON."""

    key: KeyName
    value: Annotated[str, Field(description="64 bytes in URL-safe base64 without padding.")]


class WordsModel(BaseModel):
    """What a label is called in one language, and what it means."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=LONGEST_TITLE)]
    description: Annotated[str, Field(max_length=LONGEST_DESCRIPTION)] = ""


class DefinitionModel(BaseModel):
    """What a label of a list means."""

    model_config = ConfigDict(extra="forbid")

    severity: Severity
    recommendation: Annotated[Recommendation, Field(description="What it recommends; who follows decides.")]
    says: Annotated[dict[str, WordsModel], Field(description="Its words, by language tag.")]


class HeaderOut(_Out):
    """A list at one version, signed."""

    type: Literal["org.earnest.list"]
    format: Literal[1]
    id: ListId
    title: str
    description: str
    author: Annotated[MatrixId | None, Field(description="Null in a retired list whose author has left us.")]
    licence: str
    language: str
    expires: Annotated[Unix | None, Field(description="From then on nothing in the list counts.")]
    retired: Annotated[bool, Field(description="It is published no more and has no labels.")]
    version: Version
    entries: Annotated[int, Field(ge=0, description="How many labels stand.")]
    digest: Annotated[Hex, Field(description="What the standing labels come to: docs/lists.md says how.")]
    definitions: dict[str, DefinitionModel]
    signature: SignatureOut


class SubjectOut(_Out):
    """Whom or what a label speaks of: a name or pattern, or the hash of a name."""

    kind: Subject
    entity: str | None = None
    sha256: Hex | None = None
    below: Annotated[bool, Field(description="A server with all servers below its name.")] = False


class LabelOut(_Out):
    """What the list says of a subject, signed; members that would say nothing are left out."""

    type: Literal["org.earnest.label"]
    author: MatrixId
    list: ListId
    subject: SubjectOut
    value: Annotated[str, Field(examples=["ban"])]
    version: Version
    since: Unix
    reason: str | None = None
    until: Unix | None = None
    pin: Annotated[str | None, Field(description="The one version of the subject that is meant.")] = None
    negates: Annotated[bool, Field(description="What was said of the subject before is taken back.")] = False
    signature: SignatureOut


class LabelsOut(_Out):
    """Labels after a version, in order, and the header as it is at this moment."""

    header: HeaderOut
    labels: list[LabelOut]
    next: Annotated[Version, Field(description="Ask after this the next time; at once where there is `more`.")]
    more: bool


class ListedOut(_Out):
    """A list among others; its header says all."""

    id: ListId
    title: str
    author: MatrixId | None
    language: str
    version: Version
    entries: int
    changed_at: Unix


class ListsOut(_Out):
    """Lists in the order in which they came."""

    lists: list[ListedOut]
    next: Annotated[ListId | None, Field(description="Ask after this for more; null where there are none.")]


class ListKeyOut(_Out):
    """A key that signs the lists of this service, or did."""

    key: KeyName
    since: Unix


class ListKeysOut(_Out):
    """All of them; the first one signs now."""

    keys: list[ListKeyOut]


class ListIn(BaseModel):
    """What a list is to be."""

    model_config = ConfigDict(extra="forbid")

    title: Annotated[str, Field(min_length=1, max_length=LONGEST_TITLE)]
    description: Annotated[str, Field(max_length=LONGEST_DESCRIPTION)] = ""
    licence: Annotated[str, Field(min_length=1, max_length=LONGEST_LICENCE)] = LICENCE
    language: Annotated[str, Field(max_length=35)] = "en"
    expires: Annotated[Unix | None, Field(description="From then on nothing in it counts, unless said anew.")] = None
    public: Annotated[bool, Field(description="Whether it is shown among all lists.")] = True
    definitions: Annotated[
        dict[str, DefinitionModel] | None,
        Field(description="What its labels mean; `ban`, `takedown`, `limit` and `allow` by default."),
    ] = None


class NewListIn(ListIn):
    """A list that is to be published."""

    name: Annotated[str, Field(max_length=53, description="Your own name for it.", examples=["spammers"])]


class MyListOut(_Out):
    """A list of yours."""

    id: ListId
    name: str
    url: Annotated[str, Field(description="What others give to `earnest list follow`.")]
    title: str
    description: str
    licence: str
    language: str
    expires: Unix | None
    public: bool
    retired: bool
    version: Version
    entries: int
    changed_at: Unix


class MyListsOut(_Out):
    """All lists of yours."""

    lists: list[MyListOut]


class SubjectIn(BaseModel):
    """Whom or what an entry speaks of: a name or pattern, or the SHA-256 of a name."""

    model_config = ConfigDict(extra="forbid")

    kind: Subject
    entity: Annotated[str | None, Field(max_length=LONGEST_ENTITY, examples=["@spam:evil.example"])] = None
    sha256: Hex | None = None


class EntryIn(SubjectIn):
    """What you say of somebody."""

    value: Annotated[str, Field(max_length=30, description="One of the list's labels.")] = "ban"
    reason: Annotated[str, Field(max_length=LONGEST_REASON)] = ""
    below: Annotated[bool, Field(description="A server with all servers below its name.")] = False
    until: Annotated[Unix | None, Field(description="From then on it is taken back by itself.")] = None


class EntriesIn(BaseModel):
    """What is to be said and taken back: all of it or nothing."""

    model_config = ConfigDict(extra="forbid")

    add: Annotated[list[EntryIn], Field(max_length=MOST_AT_ONCE)] = []
    remove: Annotated[list[SubjectIn], Field(max_length=MOST_AT_ONCE)] = []


class LookOut(_Out):
    """Something to look at twice: it was done all the same."""

    danger: Danger
    entity: str | None
    whom: str


class EntriesOut(_Out):
    """What came of it."""

    version: Version
    said: int
    taken_back: int
    same: int
    look: list[LookOut]


class PolicyEventOut(_Out):
    """A rule as a policy room has it."""

    type: str
    state_key: str
    content: dict[str, Any]
