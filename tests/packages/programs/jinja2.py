"""Renders a template."""

REQUIRES = ["jinja2"]


def main(port):
    from jinja2 import Environment

    template = Environment(autoescape=True).from_string("{% for x in xs %}<b>{{ x }}</b>{% endfor %}")
    assert template.render(xs=["<", 1]) == "<b>&lt;</b><b>1</b>"
