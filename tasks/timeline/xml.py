"""XML by the standard library's own writer: elements as nested calls, indented text at the end."""

from xml.etree.ElementTree import Element, indent, tostring


def node(tag: str, *content: "Element | str | int | None", **attributes: str | int | None) -> Element:
    """An element; elements become children, anything else its text, None nothing at all."""
    element = Element(tag, {name: str(value) for name, value in attributes.items() if value is not None})
    for item in content:
        if isinstance(item, Element):
            element.append(item)
        elif item is not None:
            element.text = (element.text or "") + str(item)
    return element


def format_xml(root: Element) -> str:
    """The document as text, with its declaration and document type."""
    indent(root)
    body = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<!DOCTYPE {root.tag}>\n{body}\n'
