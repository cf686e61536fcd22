//! `pyproject.toml`: which packages a Worker needs, and which Python.

use crate::diagnostic::{Code, Diagnostic, Reading, Report};
use crate::plan::PythonVersion;
use crate::section::{Section, Spanned};
use crate::tree::{self, Format, Table};

/// What a `pyproject.toml` says that matters here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PythonProject {
    /// `project.dependencies`, as requirement specifiers (PEP 508).
    pub dependencies: Vec<String>,
    /// `project.requires-python`.
    pub requires_python: Option<PythonRequirement>,
    /// Whether `tool.uv.sources` names places of packages, so that only `uv` can resolve the dependencies.
    pub uv_sources: bool,
    /// `tool.pywrangler.allow-build`: whether packages may be built from source.
    pub allow_build: bool,
}

/// Reads the text of a `pyproject.toml`. Keys it does not know are other tools' business.
pub fn parse_python_project(text: &str) -> Reading<PythonProject> {
    let report = Report::default();
    let project = tree::parse(text, Format::Toml, &report).map(|(table, span)| {
        let top = Section::new(&table, "", span, &report);
        python_project(&top)
    });
    report.conclude(project)
}

/// What is to be said when hognose runs under the release `running` (such as `[3, 13, 5]`) of Python, but the
/// configuration's date or flags ask for another (a warning) or `requires-python` excludes it (an error).
pub fn check_python(
    asked_for: Option<PythonVersion>,
    required: Option<&PythonRequirement>,
    running: [u32; 3],
) -> Option<Diagnostic> {
    let [major, minor, patch] = running;
    let under = format!("but hognose runs under Python {major}.{minor}.{patch}");
    if let Some(required) = required.filter(|required| !required.allows(running)) {
        let message = format!("pyproject.toml requires Python {required}, {under}");
        return Some(Diagnostic::error(Code::Python, message).help("install hognose for another Python"));
    }
    let other = asked_for.filter(|version| u32::from(version.minor()) != minor)?;
    let message = format!("The compatibility date or flags ask for Python {other}, {under}");
    let help = format!("to run as on Cloudflare, install hognose for Python {other}");
    Some(Diagnostic::warning(Code::Python, message).help(help))
}

/// The warning for a Worker with a `requirements.txt`, which is not read but for saying what to write in its place.
pub fn requirements_txt_warning(text: &str) -> Diagnostic {
    let message = "Specifying Python Packages in requirements.txt is no longer supported, please use pyproject.toml instead.";
    let without_comments = text.lines().filter_map(|line| line.split(" #").next()).map(str::trim);
    let packages: Vec<_> =
        without_comments.filter(|line| !line.is_empty() && !line.starts_with(['#', '-'])).collect();
    let help = format!(
        "write this into pyproject.toml:\n[project]\nname = \"worker\"\nversion = \"0.1.0\"\ndependencies = {packages:?}"
    );
    Diagnostic::warning(Code::Python, message).help(help)
}

fn python_project(top: &Section<'_>) -> PythonProject {
    let mut found = PythonProject::default();
    if let Some(project) = top.section("project") {
        warn_of_dynamic_dependencies(&project);
        found.dependencies = dependencies(&project);
        let requires = project.string("requires-python");
        found.requires_python = requires.and_then(|given| python_requirement(given, project.report));
    }
    let Some(tool) = top.section("tool") else { return found };
    let sources = tool.table.get("uv").and_then(|uv| uv.as_table()?.get("sources")?.as_table());
    found.uv_sources = sources.is_some_and(|sources: &Table| !sources.entries.is_empty());
    let pywrangler = if tool.has("pywrangler") { tool.section("pywrangler") } else { None };
    found.allow_build = pywrangler.and_then(|pywrangler| pywrangler.boolean("allow-build")).unwrap_or(false);
    found
}

fn dependencies(project: &Section<'_>) -> Vec<String> {
    let given = project.strings("dependencies").unwrap_or_default();
    warn_of_own_name(project, &given);
    for dependency in &given {
        if !dependency.value.trim_start().starts_with(|first: char| first.is_ascii_alphanumeric()) {
            let message = format!("\"{}\" does not name a package", dependency.value);
            let diagnostic = Diagnostic::error(Code::Python, message);
            project.report.push(diagnostic.at(dependency.span, "expected a name, such as \"httpx>=0.28\""));
        }
    }
    given.into_iter().map(|dependency| dependency.value.to_owned()).collect()
}

/// A project that is called like a package it needs is taken for that package.
fn warn_of_own_name(project: &Section<'_>, dependencies: &[Spanned<&str>]) {
    let Some(own) = project.string("name").map(|name| normalized(name.value)) else { return };
    for dependency in dependencies.iter().filter(|dependency| normalized(dependency.value) == own) {
        let message =
            format!("The project itself is called \"{own}\", so the package of that name is not installed");
        let diagnostic = Diagnostic::warning(Code::Python, message).at(dependency.span, "means the project");
        project.report.push(diagnostic.help("give the project another name"));
    }
}

/// The name that a requirement begins with, in the form in which names are compared (PEP 503).
fn normalized(requirement: &str) -> String {
    let part = |letter: char| letter.is_ascii_alphanumeric() || "-_.".contains(letter);
    let end = requirement.find(|letter| !part(letter)).unwrap_or(requirement.len());
    let runs = requirement[..end].split(['-', '_', '.']).filter(|run| !run.is_empty());
    runs.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

fn warn_of_dynamic_dependencies(project: &Section<'_>) {
    if !project.has("dynamic") {
        return;
    }
    let dynamic = project.strings("dynamic").unwrap_or_default();
    if let Some(name) = dynamic.iter().find(|name| name.value == "dependencies") {
        let message = "Dynamic dependencies are not installed for a Worker";
        let diagnostic = Diagnostic::warning(Code::Python, message).at(name.span, "ignored");
        project.report.push(diagnostic.help("list them as dependencies = [\"…\"] instead"));
    }
}

fn python_requirement(given: Spanned<&str>, report: &Report) -> Option<PythonRequirement> {
    let requirement = PythonRequirement::parse(given.value);
    if requirement.is_none() {
        let message = format!("\"{}\" is not a requirement on Python's version", given.value);
        let diagnostic = Diagnostic::error(Code::Python, message);
        report.push(diagnostic.at(given.span, "expected something like \">=3.12\""));
    }
    requirement
}

/// A requirement on Python's version, such as `>=3.12,<4` (PEP 440).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PythonRequirement {
    text: String,
    clauses: Vec<Clause>,
}

/// A version's numbers; ones left out are zero.
type Release = [u32; 3];

#[derive(Debug, Clone, PartialEq, Eq)]
struct Clause {
    comparison: Comparison,
    release: Release,
    /// How many of the numbers were given and count where a prefix is compared.
    given: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    /// `~=`: not less, and alike in all numbers but the last.
    Compatible,
    Equal,
    /// `==3.13.*`
    StartsWith,
    NotEqual,
    /// `!=3.13.*`
    StartsOtherwise,
    AtMost,
    AtLeast,
    Less,
    Greater,
}

/// Longer operators before their beginnings.
const OPERATORS: [(&str, Comparison); 8] = [
    ("===", Comparison::Equal),
    ("~=", Comparison::Compatible),
    ("==", Comparison::Equal),
    ("!=", Comparison::NotEqual),
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl PythonRequirement {
    /// Reads clauses separated by commas; none at all allow everything.
    pub fn parse(text: &str) -> Option<Self> {
        let clauses = text.split(',').map(str::trim).filter(|clause| !clause.is_empty());
        let clauses = clauses.map(Clause::parse).collect::<Option<_>>()?;
        Some(Self { text: text.trim().to_owned(), clauses })
    }

    /// Whether a release of Python, such as `[3, 13, 5]`, will do.
    pub fn allows(&self, release: [u32; 3]) -> bool {
        self.clauses.iter().all(|clause| clause.allows(release))
    }
}

impl std::fmt::Display for PythonRequirement {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl Clause {
    fn parse(text: &str) -> Option<Self> {
        let (operator, comparison) = OPERATORS.iter().find(|(operator, _)| text.starts_with(operator))?;
        let version = text[operator.len()..].trim();
        let (version, comparison) = match (version.strip_suffix(".*"), comparison) {
            (Some(prefix), Comparison::Equal) => (prefix, Comparison::StartsWith),
            (Some(prefix), Comparison::NotEqual) => (prefix, Comparison::StartsOtherwise),
            (Some(_), _) => return None,
            (None, comparison) => (version, *comparison),
        };
        let (release, given) = numbers(version)?;
        // `~=3` has no number to leave free.
        let usable = comparison != Comparison::Compatible || given > 1;
        usable.then_some(Self { comparison, release, given })
    }

    fn allows(&self, release: Release) -> bool {
        let alike = |count: usize| release[..count] == self.release[..count];
        match self.comparison {
            Comparison::Compatible => release >= self.release && alike(self.given - 1),
            Comparison::Equal => release == self.release,
            Comparison::StartsWith => alike(self.given),
            Comparison::NotEqual => release != self.release,
            Comparison::StartsOtherwise => !alike(self.given),
            Comparison::AtMost => release <= self.release,
            Comparison::AtLeast => release >= self.release,
            Comparison::Less => release < self.release,
            Comparison::Greater => release > self.release,
        }
    }
}

/// One to three numbers; of a pre-release (`3.14.0rc1`) those before the letters.
fn numbers(version: &str) -> Option<(Release, usize)> {
    let end = version.find(|character: char| !character.is_ascii_digit() && character != '.');
    let plain = version[..end.unwrap_or(version.len())].trim_end_matches('.');
    let mut release = [0; 3];
    let mut given = 0;
    for number in plain.split('.') {
        *release.get_mut(given)? = number.parse().ok()?;
        given += 1;
    }
    Some((release, given))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Severity;

    fn messages(text: &str) -> Vec<String> {
        let diagnostics = match parse_python_project(text) {
            Ok(accepted) => accepted.diagnostics,
            Err(rejected) => rejected.diagnostics,
        };
        diagnostics.into_iter().map(|diagnostic| diagnostic.message).collect()
    }

    #[test]
    fn what_matters_is_read_and_the_rest_left_alone() {
        let text = "[project]\nname = \"w\"\ndependencies = [\"fastapi\", \"httpx>=0.28\"]\n\
                    requires-python = \">=3.12\"\n[tool.uv.sources]\nhttpx = { path = \"x\" }\n\
                    [tool.pywrangler]\nallow-build = true\n[tool.ruff]\nline-length = 1";
        let accepted = parse_python_project(text).unwrap();
        assert_eq!(accepted.diagnostics, []);
        assert_eq!(accepted.value.dependencies, ["fastapi", "httpx>=0.28"]);
        assert_eq!(accepted.value.requires_python.unwrap().to_string(), ">=3.12");
        assert!(accepted.value.uv_sources);
        assert!(accepted.value.allow_build);
        assert_eq!(parse_python_project("[build-system]").unwrap().value, PythonProject::default());
    }

    #[test]
    fn mistakes_are_named() {
        assert_eq!(messages("[project]\ndependencies = [\"./x\"]"), ["\"./x\" does not name a package"]);
        assert_eq!(
            messages("[project]\ndependencies = \"x\""),
            ["Expected \"project.dependencies\" to be of type string array but got \"x\"."]
        );
        assert_eq!(
            messages("[project]\nrequires-python = \"3.12\""),
            ["\"3.12\" is not a requirement on Python's version"]
        );
        assert_eq!(
            messages("[project]\ndynamic = [\"dependencies\"]"),
            ["Dynamic dependencies are not installed for a Worker"]
        );
        assert_eq!(
            messages("[project]\nname = \"My_App\"\ndependencies = [\"my-app[a]>=1\", \"my-app-x\"]"),
            ["The project itself is called \"my-app\", so the package of that name is not installed"]
        );
    }

    #[test]
    fn another_python_is_warned_of_and_an_excluded_one_refused() {
        let required = PythonRequirement::parse(">=3.13").unwrap();
        let said = |asked_for, running| {
            check_python(asked_for, Some(&required), running).map(|found| (found.severity, found.message))
        };
        assert_eq!(said(Some(PythonVersion::V313), [3, 13, 0]), None);
        assert_eq!(said(None, [3, 14, 0]), None);
        let warning =
            "The compatibility date or flags ask for Python 3.13, but hognose runs under Python 3.14.0";
        assert_eq!(
            said(Some(PythonVersion::V313), [3, 14, 0]),
            Some((Severity::Warning, warning.to_owned()))
        );
        let error = "pyproject.toml requires Python >=3.13, but hognose runs under Python 3.12.4";
        assert_eq!(said(None, [3, 12, 4]), Some((Severity::Error, error.to_owned())));
    }

    #[test]
    fn what_stands_in_requirements_txt_is_written_as_pyproject_toml_has_it() {
        let text =
            "# web\n-r base.txt\nfastapi\n\nhttpx[http2]>=0.27 # client\n--index-url https://example.com\n";
        let help = requirements_txt_warning(text).help.unwrap();
        assert!(help.ends_with("dependencies = [\"fastapi\", \"httpx[http2]>=0.27\"]"), "{help}");
    }

    #[test]
    fn requirements_compare_as_packaging_does() {
        let allows =
            |requirement: &str, release| PythonRequirement::parse(requirement).unwrap().allows(release);
        for (requirement, least_not, least, most, most_not) in [
            (">=3.12,<3.14", [3, 11, 9], [3, 12, 0], [3, 13, 9], [3, 14, 0]),
            ("~=3.12", [3, 11, 9], [3, 12, 0], [3, 99, 0], [4, 0, 0]),
            ("~=3.12.3", [3, 12, 2], [3, 12, 3], [3, 12, 99], [3, 13, 0]),
            ("==3.13.*", [3, 12, 9], [3, 13, 0], [3, 13, 99], [3, 14, 0]),
            (">3.12, <= 3.13.4", [3, 12, 0], [3, 12, 1], [3, 13, 4], [3, 13, 5]),
            ("===3.13.1", [3, 13, 0], [3, 13, 1], [3, 13, 1], [3, 13, 2]),
        ] {
            assert!(!allows(requirement, least_not), "{requirement} {least_not:?}");
            assert!(allows(requirement, least), "{requirement} {least:?}");
            assert!(allows(requirement, most), "{requirement} {most:?}");
            assert!(!allows(requirement, most_not), "{requirement} {most_not:?}");
        }
        assert!(!allows("!=3.13.*", [3, 13, 2]));
        assert!(allows("!=3.13.*", [3, 14, 0]));
        assert!(!allows("!=3.13", [3, 13, 0]));
        assert!(allows(">=3.14.0rc1", [3, 14, 0]));
        assert!(allows("", [2, 7, 0]));
    }

    #[test]
    fn what_is_no_requirement_is_refused() {
        for text in ["3.12", "~=3", ">=", ">=x", ">=3.*", ">=3.13.1.2", "=>3", ">=99999999999"] {
            assert_eq!(PythonRequirement::parse(text), None, "{text}");
        }
    }
}
