"""How QGIS draws a layer of found objects: each class in a colour of its own, as a QML style."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

# Paul Tol's "bright" and "high-contrast" colours, told apart by colour-blind readers too; then they begin again.
COLOURS = ("#ee6677", "#4477aa", "#ccbb44", "#aa3377", "#66ccee", "#228833", "#ee7733", "#bbbbbb")
DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
WRITTEN_FOR = "3.22"  # the oldest QGIS that it was tried with
NO_XML = dict.fromkeys((0xFFFE, 0xFFFF))  # characters that no XML holds
FILL_ALPHA = 90  # of 255


def qml(classes: Sequence[str], *, filled: bool) -> str:
    """Return a style of polygons by the attribute `class`, whose classes are numbered as they are given.

    With `filled` the inside is shown, half transparent; else the outline alone.
    """
    root = ElementTree.Element("qgis", version=WRITTEN_FOR, styleCategories="Symbology")
    renderer = ElementTree.SubElement(root, "renderer-v2", type="categorizedSymbol", attr="class", symbollevels="0")
    renderer.attrib |= {"enableorderby": "0", "forceraster": "0"}
    categories = ElementTree.SubElement(renderer, "categories")
    symbols = ElementTree.SubElement(renderer, "symbols")
    for number, name in enumerate(classes):
        name = name.translate(NO_XML)
        about = {"value": name, "label": name, "symbol": str(number), "render": "true"}
        ElementTree.SubElement(categories, "category", about)
        symbol = ElementTree.SubElement(symbols, "symbol", type="fill", name=str(number), alpha="1")
        layer = ElementTree.SubElement(symbol, "layer", {"class": "SimpleFill", "enabled": "1", "locked": "0"})
        layer.set("pass", "0")
        options = ElementTree.SubElement(layer, "Option", type="Map")
        for key, value in _fill(COLOURS[number % len(COLOURS)], filled).items():
            ElementTree.SubElement(options, "Option", name=key, type="QString", value=value)
    ElementTree.SubElement(root, "layerGeometryType").text = "2"  # polygons
    ElementTree.indent(root, " ")
    return DOCTYPE + ElementTree.tostring(root, encoding="unicode") + "\n"


def _fill(colour: str, filled: bool) -> dict[str, str]:
    red, green, blue = (int(colour[at : at + 2], 16) for at in (1, 3, 5))
    return {
        "color": f"{red},{green},{blue},{FILL_ALPHA}",
        "outline_color": f"{red},{green},{blue},255",
        "outline_style": "solid",
        "outline_width": "0.5",
        "outline_width_unit": "MM",
        "style": "solid" if filled else "no",
    }
