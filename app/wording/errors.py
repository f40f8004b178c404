"""Errors as sentences: what a person reads when a wish of theirs breaks a rule or the world does not answer."""

from __future__ import annotations

from collections.abc import Mapping

from app.wording.catalogue import marked
from app.wording.message import Literal, Message, Safe, Value
from app.wording.reader import Reader
from kit.errors import EarnestError, Refusal
from reputation.evidence import Reason

_SENTENCES: Mapping[str, str] = {
    "user_id_malformed": marked("That is not a Matrix id. One looks like {example}; copy it whole."),
    "server_name_malformed": marked("That is not a Matrix id. One looks like {example}; copy it whole."),
    "amount_malformed": marked("Write an amount in plain digits, such as 5 or 0.25."),
    "amount_too_fine": marked("An amount has at most {decimals} decimal places."),
    "price_zero": marked("A price of nothing is no price. Write {open} to ask for nothing."),
    "fee_needs_wallet": marked("A fee needs a wallet that it can go to. Link yours first: write {link}."),
    "fee_goes_there": marked(
        "Fees at your door go to this wallet, and you have no other. Ask for no fee first: write {no_fee}. Or {link} "
        "another wallet."
    ),
    "address_malformed": marked("A wallet's address is 0x and 40 hexadecimal digits. {wallets} shows yours."),
    "address_not_linked": marked("That wallet is not linked to you. {wallets} shows those that are."),
    "cap_out_of_range": marked(
        "A door takes between 1 and {most} strangers at once and in a day. To let in none, write {closed}."
    ),
    "exempt_self": marked("You need no exemption from your own door."),
    "vouch_self": marked("Nobody can vouch for themselves."),
    "vouch_weight": marked(
        "A vouch weighs 1 (you know them), 2 (you know them well) or 3 (you would answer for them)."
    ),
    "words_full": marked("You vouch for or report {most} people already. Take one back first; {vouches} shows them."),
    "report_self": marked("Nobody can report themselves."),
    "report_reason": marked("A report says why: {reasons}. Write {report}."),
    "word_unknown": marked("You neither vouch for anybody of that name nor report them. {vouches} shows whom you do."),
    "vouch_unknown": marked("You do not vouch for anybody of that name. {vouches} shows for whom you do."),
    "ask_nobody": marked(
        "There is nobody of that name whom you could ask here. Invite them: if it does not arrive, you are told why."
    ),
    "ask_waiting": marked("A sentence of yours waits for them already. They see it when they look; {asks} shows it."),
    "ask_declined": marked("They declined. You can ask them again after {until}."),
    "ask_unknown": marked("No sentence of yours waits for anybody of that name. {asks} shows those that do."),
    "ask_empty": marked("Write one sentence to them: {ask}"),
    "ask_long": marked("That is too long: a sentence has at most {most} characters."),
    "ask_unseemly": marked("A sentence is one line, of characters that can be seen."),
    "ask_link": marked(
        "A sentence has no links, addresses, Matrix ids or telephone numbers. If yours has none, put a space after "
        "each full stop."
    ),
    "asks_waiting": marked("{most} people have yet to answer you, which is all at a time. {asks} shows them."),
    "asks_today": marked("You asked {most} people within a day, which is all. Ask again tomorrow."),
    "asks_of_server": marked(
        "So many people of your homeserver asked today that no more are taken. Ask again tomorrow."
    ),
    "queue_full": marked("So many people wait for their answer that no more are taken now. Try again in some days."),
    "queue_full_of_server": marked(
        "So many people of your homeserver wait for their answer that no more are taken now. Try again in some days."
    ),
    "contact_unknown": marked("You know nobody of that name here. {contacts} shows how many you know."),
    "nothing_waiting": marked("Nobody of that name waits for your answer. {knocks} shows who does."),
    "answered_already": marked("Another answer was given at the same moment. {knocks} shows how things stand."),
    "nothing_to_undo": marked("You have not called anybody of that name spam."),
    "undo_too_late": marked(
        "It is too late to take that back: the stake is burned. {exempt} lets them in all the same."
    ),
    "stake_unanswered": marked(
        "A stake of yours waits for its answer, until {answer_by}. I can forget you once that is over."
    ),
    "time_zone_unknown": marked("A time zone is written like {zone}."),
    "helper_self": marked("A helper is somebody else: not you, and not me."),
    "helpers_full": marked("You have {most} helpers already. {helpers} shows them; remove one first."),
    "helps_many": marked("You help {most} people already. Leave one first; {helpers} shows them."),
    "helper_not_asked": marked("Nobody of that name asked you to help them. {helpers} shows who did."),
    "helper_unknown": marked("You have no helper of that name. {helpers} shows whom you asked."),
    "not_helping": marked("You help nobody of that name. {helpers} shows whom you do."),
    "buy_own": marked("That is yours already."),
    "listing_unknown": marked("There is nothing of that name for sale. Copy its name or its link whole."),
    "not_for_sale": marked("That is not for sale now."),
    "purchase_unknown": marked("You bought nothing of that name. {library} shows what you did."),
    "listing_refused": marked("Whoever runs this service lets nobody sell that here: {told}"),
    "sell_no_content": marked("That has no content of its own: only a text, a file or a post has."),
    "asset_not_allowed": marked("Nothing is sold for that here. It may be for {names}."),
    "price_malformed": marked("A price is an amount and a token, such as {price}."),
    "price_twice": marked("There are two prices in one token. Write one for each."),
    "sell_which_file": marked("Send me the file first, then answer it with this."),
    "sell_which_text": marked("Write the text below the first line, or answer the message of yours that it is in."),
    "sell_needs_wallet": marked("A seller is paid at a wallet. Link yours first: write {link}."),
    "sell_not_seen": marked("What you answered is no message of yours that I can read."),
    "sell_no_file": marked("What you answered is no file."),
    "sell_no_text": marked("What you answered is no text."),
    "sell_file_gone": marked("The homeserver does not give me that file."),
    "content_too_large": marked("That is too large: there is room for {most} bytes."),
    "digest_time": marked("A digest comes at a full hour from 0 to 23: {digest}."),
    "list_name": marked("A list's name has small letters, digits, - and _, and begins with a letter: {list_new}."),
    "list_named": marked("You publish a list of that name already. {lists} shows yours."),
    "list_not_yours": marked("You publish no list of that name. {lists} shows yours."),
    "list_title": marked("A list's title is one line, of {most} characters at most: {list_new}."),
    "lists_enough": marked("You publish {most} lists, which is all one can. Retire one first; {lists} shows yours."),
    "list_full": marked("That list has {most} entries, which is all it can have."),
    "list_unchanged": marked("There is nothing to undo in that list."),
    "entry_dangerous": marked("{entity} would hit nearly everybody. Such an entry stands in no list here."),
    "entry_unreadable": marked(
        "{entity} is no Matrix id, server or room that a list could name. They look like {example}, example.org and "
        "!room:example.org; a star stands for any letters."
    ),
    "locale_malformed": marked("A language is written like {language}."),
    "token_unknown": marked("You have no such token. {tokens} shows those that you have."),
    "session_code_unknown": marked(
        "No sign-in of yours waits with that code. It waits for 15 minutes; sign in again to get another one."
    ),
    "too_many_tokens": marked("You have {most} tokens, which is all one can have. Revoke one first: {tokens}."),
}
_UNAVAILABLE = marked(
    "Something that I need does not answer at the moment. Nothing was changed; try again in a minute."
)


def error(failure: EarnestError, reader: Reader) -> Message:
    """Say what stood in the way; a code without a sentence of its own is told by the error's own English one."""
    if not isinstance(failure, Refusal):
        return reader.say(_UNAVAILABLE)
    template = _SENTENCES.get(failure.code)
    if template is None:
        return reader.say("{message}", message=Safe(failure.message))
    values: dict[str, Value] = {
        "example": reader.command("@name:example.org"),
        "link": reader.command("link"),
        "tokens": reader.command("token list"),
        "contacts": reader.command("contacts"),
        "vouches": reader.command("vouch list"),
        "report": reader.command("report @name:example.org spam"),
        "reasons": Literal(", ".join(Reason)),
        "asks": reader.command("ask"),
        "ask": reader.command("ask @name:example.org One sentence about who you are."),
        "wallets": reader.command("wallets"),
        "price": Literal("5 ERN"),
        "no_fee": reader.command("door stake 5 fee 0"),
        "library": reader.command("library"),
        "helpers": reader.command("helper"),
        "digest": reader.command("digest weekly monday 9"),
        "knocks": reader.command("knocks"),
        "open": reader.command("door open"),
        "closed": reader.command("door closed"),
        "exempt": reader.command("door exempt @name:example.org"),
        "zone": reader.command("Europe/Vienna"),
        "language": reader.command("de"),
        "lists": reader.command("lists"),
        "list_new": reader.command("list new spammers People who send the same to all"),
    }
    values |= {name: value if isinstance(value, int) else str(value) for name, value in failure.values.items()}
    for name in ("answer_by", "until"):
        if isinstance(moment := failure.values.get(name), int):
            values[name] = reader.when(moment)
    return reader.say(template, **values)
