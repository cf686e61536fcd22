//! CommonJS modules. To an `import` such a file is a module whose default export is what its code leaves in
//! `module.exports`; `js/common-js.js` runs that code and keeps what it made.

use hognose_engine::{Context, ModuleLoader, Result, Thrown, Value};
use hognose_wire::control::ModuleKind;

use crate::modules::Modules;

/// The module through which the modules made here reach `require`; nobody else can name it usefully.
pub(crate) const NAME: &str = "hognose:common-js";

/// The module that an `import` of the CommonJS file at `path` gets.
pub(crate) fn module(context: Context, path: &str) -> Result<String> {
    let quoted = context.json_stringify(&context.string(path)?)?.unwrap_or_default();
    Ok(format!("import {{ load }} from \"{NAME}\"; export default load({quoted});"))
}

/// What the module [`NAME`] exports.
pub(crate) fn exports(context: Context, modules: &Modules) -> Result<Vec<(String, Value)>> {
    let natives = context.object()?;
    let finder = modules.clone();
    natives.define_method("find", 2, move |context, _this, arguments| {
        let (base, specifier) = (arguments[0].to_js_string()?, arguments[1].to_js_string()?);
        let found = finder.resolve(context, &base, &specifier)?;
        let is_file = found.starts_with('/');
        let is_common =
            is_file && finder.kind(context, &found, &context.undefined())? == ModuleKind::CommonJs;
        // What is no file goes by the name it was asked for.
        let name = if is_file { &found } else { &specifier };
        context.array(&[context.string(name)?, context.boolean(is_common)])
    })?;
    natives.define_method("compile", 1, |context, _this, arguments| {
        let path = arguments[0].to_js_string()?;
        let text = std::fs::read_to_string(&path).map_err(|error| {
            Thrown::named(context, "Error", &format!("No such module \"{path}\": {error}."))
        })?;
        // On the code's own first line, so that lines keep their numbers.
        let function = format!("(function (exports, require, module, __filename, __dirname) {{{text}\n}})");
        context.eval(&function, &path)
    })?;
    natives.define_method("importNow", 1, |context, _this, arguments| {
        context.import_now(&arguments[0].to_js_string()?)
    })?;
    let library = context.eval(include_str!("../js/common-js.js"), "hognose:common-js")?;
    Ok(vec![("load".to_owned(), library.call_function(&[natives])?)])
}
