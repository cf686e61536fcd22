"""Calls and attributes of proxies with a signature: what `bind_sig` and `bind_class` promise about a JavaScript object.

`_pyodide.jsbind` reads the annotations of a Python function or class and puts them together from the classes below. A
signature says for each argument how it goes to JavaScript, and for each result how it comes back. The values between
are *raw*: proxies that are not unwrapped, so that a converter sees what JavaScript gave. `lent` is the JavaScript array of
the proxies made for one call, or None for an attribute, which lends nothing.
"""

from asyncio import ensure_future
from inspect import Parameter, signature as signature_of


class Py2JsConverter:
    """How an argument goes to JavaScript: by `convert`, after `pre_convert` if there is one."""

    def __init__(self, convert, pre_convert=None):
        self.convert = convert
        self.pre_convert = pre_convert

    def copy(self):
        return Py2JsConverter(self.convert, self.pre_convert)

    def __call__(self, value, lent):
        return self.convert(value if self.pre_convert is None else self.pre_convert(value), lent)


class Js2PyConverter:
    """How a result comes to Python: by `convert`, then `post_convert` if there is one."""

    def __init__(self, convert, post_convert=None):
        self.convert = convert
        self.post_convert = post_convert

    def copy(self):
        return Js2PyConverter(self.convert, self.post_convert)

    def __call__(self, raw, lent):
        value = self.convert(raw, lent)
        return value if self.post_convert is None else self.post_convert(value)


@Py2JsConverter
def py2js_default(value, lent):
    return native.lend(value, lent)


@Py2JsConverter
def py2js_deep(value, lent):
    return to_js(value, pyproxies=lent, dict_converter=helpers.from_entries)


@Py2JsConverter
def py2js_as_js_json(value, lent):
    return value if native.is_immutable(value) else helpers.json_view(native.lend(value, lent))


# Its name in Pyodide 0.26.
py2js_as_json_adaptor = py2js_as_js_json


def ending(convert):
    """A converter of results after which the call is over."""

    def convert_and_end(raw, lent):
        value = convert(native.translate(raw))
        native.end_call(raw, lent)
        return value

    return Js2PyConverter(convert_and_end)


@ending
def js2py_default(value):
    return value


@ending
def js2py_deep(value):
    return native.to_py(value, -1, None) if native.is_proxy(value) else value


@ending
def js2py_as_py_json(value):
    return native.object_map(value, True, True) if native.is_proxy(value) else value


@Js2PyConverter
def js2py_default_call_result(raw, lent):
    return native.finish_call(raw, lent)


def create_promise_converter(converter):
    """The converter of a promise whose outcome `converter`, or the usual translation, converts."""

    async def settle(promise, lent):
        try:
            value = await promise
        finally:
            native.end_call(None, lent)
        return value if converter is None else converter(value, None)

    def convert(raw, lent):
        if not hasattr(raw, "__await__"):
            raise TypeError("Expected js func to return a promise")
        return ensure_future(settle(raw, lent))

    return Js2PyConverter(convert)


class JsFuncSignature:
    """The signature of a JavaScript function, as `_pyodide.jsbind` takes that of a Python function apart."""

    def __init__(
        self,
        func,
        should_construct,
        posparams_nmandatory,
        posparams,
        posparams_defaults,
        varpos,
        kwparam_names,
        kwparam_converters,
        kwparam_defaults,
        varkwd,
        result,
    ):
        self.func = func
        self.should_construct = should_construct
        self.required = posparams_nmandatory
        self.positional = posparams
        self.positional_defaults = posparams_defaults
        self.rest = varpos
        self.named = dict(zip(kwparam_names, zip(kwparam_converters, kwparam_defaults)))
        self.named_rest = varkwd
        self.result = result

    def __repr__(self):
        return f"<JsSignature {signature_of(self.func)}>"

    def accepts(self, arguments, keywords):
        missing = any(default is Parameter.empty and name not in keywords for name, (_, default) in self.named.items())
        return (
            len(arguments) >= self.required
            and (self.rest is not None or len(arguments) <= len(self.positional))
            and (self.named_rest is not None or keywords.keys() <= self.named.keys())
            and not missing
        )

    def convert(self, arguments, keywords, lent):
        """The arguments of the JavaScript function; named ones are an object at the end."""
        given = [*arguments, *self.positional_defaults[max(0, len(arguments) - self.required) :]]
        converters = [*self.positional, *[self.rest] * (len(given) - len(self.positional))]
        converted = [converter(value, lent) for converter, value in zip(converters, given)]
        if keywords or self.named:
            converted.append(helpers.from_entries(native.array(self.convert_named(keywords, lent))))
        return converted

    def convert_named(self, keywords, lent):
        for name, value in keywords.items():
            converter = self.named[name][0] if name in self.named else self.named_rest
            yield native.array((name, converter(value, lent)))
        for name, (converter, default) in self.named.items():
            # A default of None is what JavaScript finds if the key is left out.
            if name not in keywords and default is not None:
                yield native.array((name, converter(default, lent)))


def call(proxy, signature, /, *arguments, **keywords):
    """Calls a JavaScript function that has a signature."""
    from _pyodide.jsbind import func_to_sig

    described = func_to_sig(signature)
    if not described.accepts(arguments, keywords):
        # The Python function has the same signature, and complains about the arguments in Python's words.
        described.func(*arguments, **keywords)
    lent = native.array(())
    try:
        raw = native.call_raw(proxy, described.convert(arguments, keywords, lent), described.should_construct)
        return described.result(raw, lent)
    except BaseException:
        native.end_call(None, lent)
        raise


def attribute(raw, signature, name):
    """Converts the attribute of an object that has a signature."""
    from _pyodide.jsbind import get_attr_sig

    is_converter, found = get_attr_sig(signature, name)
    if is_converter:
        return found(raw, None)
    value = native.translate(raw)
    return native.bind_signature(value, found) if found is not None and native.is_proxy(value) else value
