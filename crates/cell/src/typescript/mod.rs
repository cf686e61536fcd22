//! TypeScript as JavaScript: what only the type checker reads is replaced by blanks, so that all that is left keeps its
//! line and column, and a stack trace needs no map.
//!
//! That is enough for TypeScript whose types can be erased, which is what Node.js runs, too. What would have to become
//! other code (enums, namespaces, parameter properties, decorators) is refused with its place. As bundlers do, an import
//! goes as well if nothing but types uses it.

mod blanks;
mod erasure;

use std::path::Path;

use hognose_engine::{Context, Thrown};
use oxc_allocator::Allocator;
use oxc_ast_visit::Visit;
use oxc_parser::Parser;
use oxc_span::SourceType;

use erasure::Erasure;

/// Why a module cannot be run: what is said of it, and where.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {message}")]
pub(crate) struct Refused {
    /// From 1.
    line: usize,
    /// In characters, from 1.
    column: usize,
    message: String,
}

impl Refused {
    fn at(source: &str, offset: usize, message: String) -> Self {
        let before = source.get(..offset).unwrap_or(source);
        let last_line = before.rsplit('\n').next().unwrap_or_default();
        Self { line: before.matches('\n').count() + 1, column: last_line.chars().count() + 1, message }
    }
}

/// Whether a file of this name is in TypeScript.
pub(crate) fn is_module(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ts" || extension == "mts")
}

/// What to run of a file: its text, and of TypeScript what is left without the types. `shown` is the path as its author
/// knows it, for the SyntaxError of what cannot be run so.
pub(crate) fn read(context: Context, shown: &str, source: String) -> Result<String, Thrown> {
    if !is_module(Path::new(shown)) {
        return Ok(source);
    }
    strip(&source).map_err(|refused| Thrown::named(context, "SyntaxError", &format!("{shown}:{refused}")))
}

/// The JavaScript of a TypeScript module.
fn strip(source: &str) -> Result<String, Refused> {
    let allocator = Allocator::default();
    let parsed = Parser::new(&allocator, source, SourceType::ts()).parse();
    if let Some(error) = parsed.diagnostics.errors().next() {
        let offset = error.labels.first().map_or(0, |label| label.offset() as usize);
        return Err(Refused::at(source, offset, error.message.to_string()));
    }
    let mut erasure = Erasure::new(source);
    erasure.visit_program(&parsed.program);
    erasure.erase_unused_imports(&parsed.program);
    erasure.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left, without the blanks at the ends of lines and with one for many.
    fn left(source: &str) -> String {
        let stripped = strip(source).expect("this can be stripped");
        assert_eq!(stripped.matches('\n').count(), source.matches('\n').count(), "a line is a line");
        let lines = stripped.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        lines.collect::<Vec<_>>().join("\n")
    }

    fn refusal(source: &str) -> String {
        strip(source).expect_err("this cannot be stripped").to_string()
    }

    #[test]
    fn columns_stay() {
        assert_eq!(strip("let a: string = 'ä' as const; b()").unwrap(), "let a         = 'ä'         ; b()");
    }

    #[test]
    fn annotations_go() {
        assert_eq!(
            left("function f<T>(this: X, a?: T, ...b: T[]): a is T { return a! }"),
            "function f ( a , ...b ) { return a; }"
        );
        assert_eq!(left("const g = async <T,>(a: T): Promise<T> => a;"), "const g = async (a ) => a;");
        assert_eq!(left("try { h<A>(x satisfies Y) } catch (e: unknown) {}"), "try { h (x ) } catch (e ) {}");
        assert_eq!(left("let x!: number, y = <any>z"), "let x , y = z");
    }

    #[test]
    fn marks_go_whatever_comments_say() {
        assert_eq!(
            left("class A { a /* why? */ ?: B; [b]? /* c */: C }"),
            "class A { a /* why? */ ; [b] /* c */ ; }"
        );
        assert_eq!(
            left("function f(a /* ? */?: A) {}\nimport { A /* , */, b } from './x'; b()"),
            "function f(a /* ? */ ) {}\nimport { /* , */ b } from './x'; b()"
        );
    }

    #[test]
    fn declarations_of_types_go() {
        assert_eq!(left("interface A { b: string }\ntype C = A | null"), ";\n;");
        assert_eq!(left("export type { A } from './a'; export interface B {}"), "; ;");
        assert_eq!(left("declare const VERSION: string; declare module 'x' { const a: 1 }"), "; ;");
        assert_eq!(
            left("function f(a: 1): 1;\nfunction f(a: any) { return a }"),
            ";\nfunction f(a ) { return a }"
        );
        assert_eq!(left("export { type A, b }; const b = 1"), "export { b }; const b = 1");
    }

    #[test]
    fn classes_keep_what_runs() {
        let class = "export abstract class A<T> extends B<T> implements C, D {\n\
                     private readonly a: number = 1\n\
                     static override b?: string\n\
                     declare c: D; [key: string]: any\n\
                     constructor(a: T); constructor(a: any) { super(a) }\n\
                     abstract d(): void; protected async e?(): Promise<void> {}\n}";
        let expected = "export class A extends B {\n\
                        ; a = 1\n\
                        static b ;\n\
                        ; ;\n\
                        ; constructor(a ) { super(a) }\n\
                        ; ; async e () {}\n}";
        assert_eq!(left(class), expected);
    }

    #[test]
    fn imports_of_types_go() {
        assert_eq!(
            left("import { A, b } from './x'; let c: A = b()"),
            "import { b } from './x'; let c = b()"
        );
        assert_eq!(left("import A, * as B from './x'; A()"), "import A from './x'; A()");
        assert_eq!(left("import type { A } from './x'; import './y'"), "; import './y'");
        assert_eq!(left("import { A } from './x'; let a: A"), "; let a ;");
        assert_eq!(
            left("import { type A, b } from './x'; export { b }"),
            "import { b } from './x'; export { b }"
        );
    }

    #[test]
    fn no_statement_runs_into_the_next() {
        assert_eq!(left("let a = b as C\n(d)()"), "let a = b ;\n(d)()");
        assert_eq!(left("let a = 1\ntype B = C\n(d)()"), "let a = 1\n;\n(d)()");
        assert_eq!(left("const f = (a: A): Promise<\nB\n> => a"), "const f = (a\n\n) => a");
        assert_eq!(left("const f = async <\nT\n>(a: T) => a"), "const f = async (\n\na ) => a");
    }

    #[test]
    fn what_would_become_other_code_is_refused() {
        assert_eq!(refusal("\n  enum A { B }"), format!("2:3: Enums {}", erasure::ADVICE));
        for (source, what) in [
            ("namespace A { export const b = 1 }", "Namespaces"),
            ("class A { constructor(private a: string) {} }", "Parameter properties"),
            ("@a class B {}", "Decorators"),
            ("import a = require('a')", "`import … = …`"),
            ("export = a", "`export = …`"),
        ] {
            assert!(refusal(source).contains(what), "{}", refusal(source));
        }
        assert!(refusal("let = = 1").starts_with("1:"));
    }
}
