"""Asks XML by XPath, transforms it, mends HTML."""

REQUIRES = ["lxml"]


def main(port):
    from lxml import etree, html

    tree = etree.fromstring("<list><item price='3'/><item price='4'/></list>")
    assert tree.xpath("sum(//item/@price)") == 7
    style = "<xsl:stylesheet version='1.0' xmlns:xsl='http://www.w3.org/1999/XSL/Transform'>"
    style += "<xsl:output method='text'/><xsl:template match='/'><xsl:value-of select='count(//item)'/>"
    assert str(etree.XSLT(etree.fromstring(style + "</xsl:template></xsl:stylesheet>"))(tree)) == "2"
    assert html.fromstring("<p>a<b>c").text_content() == "ac"
