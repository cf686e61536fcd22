//! The walk over a module's syntax that finds what goes.

use std::collections::HashSet;

use oxc_ast::ast::{
    AccessorProperty, ArrowFunctionExpression, Class, ClassElement, Declaration, Decorator,
    ExportDefaultDeclarationKind, ExportSpecifier, FormalParameter, IdentifierReference, ImportDeclaration,
    ImportDeclarationSpecifier, MethodDefinition, Program, PropertyDefinition, PropertyDefinitionType,
    PropertyKey, Statement, TSAsExpression, TSClassImplements, TSEnumDeclaration, TSExportAssignment,
    TSImportEqualsDeclaration, TSNamespaceDeclaration, TSNonNullExpression, TSSatisfiesExpression,
    TSThisParameter, TSTypeAnnotation, TSTypeAssertion, TSTypeParameterDeclaration,
    TSTypeParameterInstantiation, VariableDeclarator,
};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};

use super::Refused;
use super::blanks::Blanks;

/// What follows the name of something that is refused.
pub(super) const ADVICE: &str = "cannot be run by taking types away; write them as plain JavaScript, or compile the \
                                 Worker first, for example with `npx esbuild --bundle`.";

/// Words before a member of a class that only the type checker reads.
const MODIFIERS: [&str; 6] = ["public", "private", "protected", "readonly", "override", "abstract"];

/// The word before a class that has members without code.
const ABSTRACT: &str = "abstract";

/// A module on its way to JavaScript.
pub(super) struct Erasure<'a> {
    blanks: Blanks<'a>,
    /// Names that stand where a value is meant.
    values: HashSet<&'a str>,
    refused: Option<Refused>,
}

impl<'a> Erasure<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { blanks: Blanks::new(source), values: HashSet::new(), refused: None }
    }

    /// Takes away what is imported and not used as a value; to be called after the walk, which finds the uses.
    pub(super) fn erase_unused_imports(&mut self, program: &Program<'_>) {
        for statement in &program.body {
            if let Statement::ImportDeclaration(import) = statement
                && import.import_kind.is_value()
            {
                self.erase_unused(import);
            }
        }
    }

    fn erase_unused(&mut self, import: &ImportDeclaration<'_>) {
        let specifiers = import.specifiers.as_ref().map_or(&[][..], |specifiers| specifiers);
        let unused = |specifier: &&ImportDeclarationSpecifier<'_>| {
            let is_type = matches!(specifier, ImportDeclarationSpecifier::ImportSpecifier(it) if it.import_kind.is_type());
            is_type || !self.values.contains(specifier.local().name.as_str())
        };
        let gone: Vec<_> = specifiers.iter().filter(unused).collect();
        if !specifiers.is_empty() && gone.len() == specifiers.len() {
            return self.blanks.erase_statement(import.span);
        }
        for specifier in gone {
            match specifier {
                // The comma that is in the way stands before it.
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(it) => {
                    self.blanks.erase(specifiers[0].span().end..it.span.end);
                }
                _ => self.blanks.erase_item(specifier.span()),
            }
        }
    }

    /// What is left, or why it cannot be run.
    pub(super) fn finish(self) -> Result<String, Refused> {
        self.refused.map_or_else(|| Ok(self.blanks.render()), Err)
    }

    fn refuse(&mut self, span: Span, what: &str) {
        let refused = || Refused::at(self.blanks.source, span.start as usize, format!("{what} {ADVICE}"));
        self.refused.get_or_insert_with(refused);
    }

    fn erase_span(&mut self, span: Span) {
        self.blanks.erase(span.start..span.end);
    }

    fn modifiers(&mut self, member: Span, key: &PropertyKey<'_>) {
        if self.blanks.erase_words(member.start..key.span().start, &MODIFIERS) {
            // Else a computed name would be an index of the member before it.
            self.blanks.put(member.start, ';');
        }
    }

    fn method(&mut self, it: &MethodDefinition<'a>) {
        if it.value.body.is_none() {
            return self.blanks.erase_statement(it.span);
        }
        self.modifiers(it.span, &it.key);
        if it.optional {
            self.blanks.erase_mark(it.key.span().end, '?');
        }
        walk::walk_method_definition(self, it);
    }

    fn property(&mut self, it: &PropertyDefinition<'a>) {
        if it.declare || it.r#type == PropertyDefinitionType::TSAbstractPropertyDefinition {
            return self.blanks.erase_statement(it.span);
        }
        self.modifiers(it.span, &it.key);
        for (is_marked, mark) in [(it.optional, '?'), (it.definite, '!')] {
            if is_marked {
                self.blanks.erase_mark(it.key.span().end, mark);
            }
        }
        walk::walk_property_definition(self, it);
        self.blanks.end_statement(it.span);
    }

    fn accessor(&mut self, it: &AccessorProperty<'a>) {
        self.modifiers(it.span, &it.key);
        if it.definite {
            self.blanks.erase_mark(it.key.span().end, '!');
        }
        walk::walk_accessor_property(self, it);
        self.blanks.end_statement(it.span);
    }
}

/// Whether a statement says something to the type checker only.
fn is_of_types(statement: &Statement<'_>) -> bool {
    match statement {
        Statement::ImportDeclaration(it) => it.import_kind.is_type(),
        Statement::ExportAllDeclaration(it) => it.export_kind.is_type(),
        Statement::ExportNamedDeclaration(it) => it.export_kind.is_type(),
        Statement::ExportFromDeclaration(it) => it.export_kind.is_type(),
        Statement::ExportDeclaration(it) => declares_types(&it.declaration),
        Statement::ExportDefaultDeclaration(it) => match &it.declaration {
            ExportDefaultDeclarationKind::TSInterfaceDeclaration(_) => true,
            ExportDefaultDeclarationKind::FunctionDeclaration(function) => function.body.is_none(),
            _ => false,
        },
        Statement::TSNamespaceExportDeclaration(_) => true,
        _ => statement.as_declaration().is_some_and(declares_types),
    }
}

fn declares_types(declaration: &Declaration<'_>) -> bool {
    match declaration {
        Declaration::TSTypeAliasDeclaration(_)
        | Declaration::TSInterfaceDeclaration(_)
        | Declaration::TSExternalModuleDeclaration(_)
        | Declaration::TSGlobalDeclaration(_) => true,
        Declaration::VariableDeclaration(it) => it.declare,
        Declaration::FunctionDeclaration(it) => it.body.is_none(),
        Declaration::ClassDeclaration(it) => it.declare,
        Declaration::TSEnumDeclaration(it) => it.declare,
        Declaration::TSNamespaceDeclaration(it) => it.declare,
        Declaration::TSImportEqualsDeclaration(it) => it.import_kind.is_type(),
    }
}

impl<'a> Visit<'a> for Erasure<'a> {
    fn visit_statement(&mut self, it: &Statement<'a>) {
        if is_of_types(it) {
            return self.blanks.erase_statement(it.span());
        }
        walk::walk_statement(self, it);
        self.blanks.end_statement(it.span());
    }

    fn visit_identifier_reference(&mut self, it: &IdentifierReference<'a>) {
        self.values.insert(it.name.as_str());
    }

    fn visit_import_declaration(&mut self, _: &ImportDeclaration<'a>) {}

    fn visit_export_specifier(&mut self, it: &ExportSpecifier<'a>) {
        if it.export_kind.is_type() {
            return self.blanks.erase_item(it.span);
        }
        walk::walk_export_specifier(self, it);
    }

    fn visit_variable_declarator(&mut self, it: &VariableDeclarator<'a>) {
        if it.definite {
            self.blanks.erase_mark(it.id.span().end, '!');
        }
        walk::walk_variable_declarator(self, it);
    }

    fn visit_formal_parameter(&mut self, it: &FormalParameter<'a>) {
        if it.accessibility.is_some() || it.readonly || it.r#override {
            self.refuse(it.span, "Parameter properties");
        }
        if it.optional {
            self.blanks.erase_mark(it.pattern.span().end, '?');
        }
        walk::walk_formal_parameter(self, it);
    }

    fn visit_arrow_function_expression(&mut self, it: &ArrowFunctionExpression<'a>) {
        walk::walk_arrow_function_expression(self, it);
        // No line may end between `async`, the parameters and the arrow: a parenthesis moves over the break.
        if let Some(types) = &it.type_parameters
            && self.blanks.is_broken(types.span.start..it.params.span.start)
        {
            self.blanks.put(types.span.start, '(');
            self.blanks.put(it.params.span.start, ' ');
        }
        if let Some(returned) = &it.return_type
            && self.blanks.is_broken(it.params.span.end..returned.span.end)
        {
            self.blanks.put(it.params.span.end - 1, ' ');
            self.blanks.put(returned.span.end - 1, ')');
        }
    }

    fn visit_class(&mut self, it: &Class<'a>) {
        if it.r#abstract {
            self.blanks.erase_words(it.span.start..it.span.start + ABSTRACT.len() as u32, &[ABSTRACT]);
        }
        if let (Some(first), Some(last)) = (it.implements.first(), it.implements.last()) {
            let before = &self.blanks.source[..first.span.start as usize];
            let keyword = before.rfind("implements").unwrap_or(before.len());
            self.blanks.erase(keyword as u32..last.span.end);
        }
        walk::walk_class(self, it);
    }

    fn visit_class_element(&mut self, it: &ClassElement<'a>) {
        match it {
            ClassElement::TSIndexSignature(it) => self.blanks.erase_statement(it.span),
            ClassElement::MethodDefinition(it) => self.method(it),
            ClassElement::PropertyDefinition(it) => self.property(it),
            ClassElement::AccessorProperty(it) => self.accessor(it),
            ClassElement::StaticBlock(it) => self.visit_static_block(it),
        }
    }

    fn visit_ts_as_expression(&mut self, it: &TSAsExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blanks.erase(it.expression.span().end..it.span.end);
    }

    fn visit_ts_satisfies_expression(&mut self, it: &TSSatisfiesExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blanks.erase(it.expression.span().end..it.span.end);
    }

    fn visit_ts_non_null_expression(&mut self, it: &TSNonNullExpression<'a>) {
        self.visit_expression(&it.expression);
        self.blanks.erase(it.expression.span().end..it.span.end);
    }

    fn visit_ts_type_assertion(&mut self, it: &TSTypeAssertion<'a>) {
        self.visit_expression(&it.expression);
        self.blanks.erase(it.span.start..it.expression.span().start);
    }

    fn visit_ts_type_annotation(&mut self, it: &TSTypeAnnotation<'a>) {
        self.erase_span(it.span);
    }

    fn visit_ts_type_parameter_declaration(&mut self, it: &TSTypeParameterDeclaration<'a>) {
        self.erase_span(it.span);
    }

    fn visit_ts_type_parameter_instantiation(&mut self, it: &TSTypeParameterInstantiation<'a>) {
        self.erase_span(it.span);
    }

    fn visit_ts_class_implements(&mut self, _: &TSClassImplements<'a>) {}

    fn visit_ts_this_parameter(&mut self, it: &TSThisParameter<'a>) {
        self.blanks.erase_item(it.span);
    }

    fn visit_ts_enum_declaration(&mut self, it: &TSEnumDeclaration<'a>) {
        self.refuse(it.span, "Enums");
    }

    fn visit_ts_namespace_declaration(&mut self, it: &TSNamespaceDeclaration<'a>) {
        self.refuse(it.span, "Namespaces");
    }

    fn visit_ts_import_equals_declaration(&mut self, it: &TSImportEqualsDeclaration<'a>) {
        self.refuse(it.span, "Imports by `import … = …`");
    }

    fn visit_ts_export_assignment(&mut self, it: &TSExportAssignment<'a>) {
        self.refuse(it.span, "Exports by `export = …`");
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.refuse(it.span, "Decorators");
    }
}
