"""Renders a template."""

REQUIRES = ["django"]


def main(port):
    import django
    from django.conf import settings
    from django.template import Context, Engine

    if not settings.configured:
        settings.configure(USE_TZ=True)
        django.setup()
    template = Engine().from_string("{% for n in numbers %}{{ n|add:1 }}{% endfor %}")
    assert template.render(Context({"numbers": [1, 2]})) == "23"
