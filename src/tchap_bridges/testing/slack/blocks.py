"""Which blocks Slack takes: docs.slack.dev/reference/block-kit/blocks.

Only what an app that posts messages can get wrong is looked at: kinds, numbers, lengths, empty texts.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from tchap_bridges.testing.slack.model import SlackError

MOST_BLOCKS = 50
_KINDS = {
    "actions", "alert", "card", "carousel", "context", "context_actions", "divider", "file", "header", "image", "input",
    "markdown", "plan", "rich_text", "section", "table", "task_card", "video",
}  # fmt: skip
_RICH = {"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
_INLINE = {"broadcast", "channel", "color", "date", "emoji", "link", "team", "text", "user", "usergroup"}
_NEEDED = {
    "broadcast": "range", "channel": "channel_id", "date": "timestamp", "emoji": "name", "link": "url", "text": "text",
    "user": "user_id", "usergroup": "usergroup_id",
}  # fmt: skip
_LONGEST = {"section": 3000, "header": 150, "markdown": 12_000}


def check_blocks(blocks: Sequence[Any]) -> None:
    """Raises SlackError("invalid_blocks") with what is wrong and where, as JSON pointers."""
    wrong = list(_wrong(blocks))
    if wrong:
        messages = [f"[ERROR] {what} [json-pointer:{where}]" for what, where in wrong]
        raise SlackError("invalid_blocks", response_metadata={"messages": messages})


def _wrong(blocks: Sequence[Any]) -> Iterator[tuple[str, str]]:
    if len(blocks) > MOST_BLOCKS:
        yield f"no more than {MOST_BLOCKS} items allowed", "/blocks"
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        where = f"/blocks/{number}"
        if not isinstance(block, dict) or block.get("type") not in _KINDS:
            yield "unsupported type", f"{where}/type"
            continue
        id_ = block.get("block_id")
        if id_ is not None and (not isinstance(id_, str) or len(id_) > 255 or id_ in seen):
            yield "invalid block_id", f"{where}/block_id"
        seen.add(str(id_)) if id_ is not None else None
        yield from _wrong_block(block, where)


def _wrong_block(block: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    match block["type"]:
        case "section" if not block.get("fields"):
            yield from _wrong_text(block.get("text"), f"{where}/text", _LONGEST["section"])
        case "header":
            yield from _wrong_text(block.get("text"), f"{where}/text", _LONGEST["header"])
        case "markdown":
            text = block.get("text")
            if not isinstance(text, str) or not 0 < len(text) <= _LONGEST["markdown"]:
                yield "must be 1 to 12000 characters", f"{where}/text"
        case "context":
            elements = block.get("elements")
            if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
                yield "must have 1 to 10 items", f"{where}/elements"
        case "image":
            if not isinstance(block.get("alt_text"), str):
                yield "missing required field: alt_text", where
            if not (block.get("image_url") or block.get("slack_file")):
                yield "missing required field: image_url", where
        case "rich_text":
            yield from _wrong_rich(block, where)
        case _:
            pass


def _wrong_text(text: Any, where: str, longest: int) -> Iterator[tuple[str, str]]:
    if not isinstance(text, dict) or text.get("type") not in {"mrkdwn", "plain_text"}:
        yield "missing required field: text", where
    elif not isinstance(text.get("text"), str) or not text["text"]:
        yield "must be more than 0 characters", f"{where}/text"
    elif len(text["text"]) > longest:
        yield f"must be less than {longest + 1} characters", f"{where}/text"


def _wrong_rich(block: dict[str, Any], where: str) -> Iterator[tuple[str, str]]:
    elements = block.get("elements")
    if not isinstance(elements, list) or not elements:
        yield "missing required field: elements", where
        return
    for number, element in enumerate(elements):
        at = f"{where}/elements/{number}"
        if not isinstance(element, dict) or element.get("type") not in _RICH:
            yield "unsupported type", f"{at}/type"
        elif not isinstance(element.get("elements"), list):
            yield "missing required field: elements", at
        elif element["type"] == "rich_text_list":
            if element.get("style") not in {"bullet", "ordered"}:
                yield "missing required field: style", at
            for item, section in enumerate(element["elements"]):
                inner = section.get("elements") if isinstance(section, dict) else None
                if not isinstance(inner, list) or section.get("type") != "rich_text_section":
                    yield "must be a rich_text_section", f"{at}/elements/{item}"
                else:
                    yield from _wrong_inline(inner, f"{at}/elements/{item}")
        else:
            yield from _wrong_inline(element["elements"], at)


def _wrong_inline(elements: Sequence[Any], where: str) -> Iterator[tuple[str, str]]:
    for number, element in enumerate(elements):
        at = f"{where}/elements/{number}"
        kind = element.get("type") if isinstance(element, dict) else None
        if kind not in _INLINE:
            yield "unsupported type", f"{at}/type"
        elif kind in _NEEDED and element.get(_NEEDED[kind]) in {None, ""}:
            yield f"missing required field: {_NEEDED[kind]}", at
