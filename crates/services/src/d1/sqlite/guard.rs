//! What a Worker's SQL may not do: an authorizer that SQLite asks while it compiles a statement, and a clock that it
//! looks at while it runs one. Follows the lists of workerd's `SqliteDatabase`.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rusqlite::hooks::{Action, AuthAction, AuthContext, Authorization};

/// How many of SQLite's instructions run between two looks at the clock.
const INSTRUCTIONS_PER_LOOK: i32 = 10_000;

/// Pragmas that only tell something, and take at most the name of what they tell about.
const TELLING: [&str; 12] = [
    "table_list",
    "table_info",
    "table_xinfo",
    "data_version",
    "foreign_key_check",
    "foreign_key_list",
    "index_info",
    "index_list",
    "index_xinfo",
    "quick_check",
    "optimize",
    "page_size",
];

/// Pragmas that switch something on or off, for the query at hand.
const SWITCHES: [&str; 7] = [
    "case_sensitive_like",
    "foreign_keys",
    "defer_foreign_keys",
    "ignore_check_constraints",
    "legacy_alter_table",
    "recursive_triggers",
    "reverse_unordered_selects",
];

/// Virtual tables that can be made.
const MODULES: [&str; 3] = ["fts5", "fts5vocab", "rtree"];

/// Functions that tell about the machine, or reach out of the database.
const REFUSED_FUNCTIONS: [&str; 8] = [
    "sqlite_version",
    "sqlite_source_id",
    "sqlite_compileoption_used",
    "sqlite_compileoption_get",
    "sqlite_log",
    "sqlite_offset",
    "load_extension",
    "fts3_tokenizer",
];

/// What a connection's hooks and its user share.
#[derive(Default)]
pub(crate) struct Guard {
    /// Whether what runs is the engine's own SQL.
    trusted: AtomicBool,
    /// Whether a transaction was refused since this was last taken.
    transaction_refused: AtomicBool,
    setting_changed: AtomicBool,
    deadline: Mutex<Option<Instant>>,
    /// What was written of each table since these were last taken.
    written: Mutex<HashMap<String, Written>>,
}

/// How many rows of a table were written.
#[derive(Clone, Copy, Default)]
pub(crate) struct Written {
    rows: u64,
    /// Those of them that each index of the table has or had an entry for: inserted or deleted ones. Of one that is
    /// updated most indexes hold the same as before, and SQLite does not tell of which not.
    in_indexes: u64,
}

impl Written {
    /// How many rows and index entries that are, with so many indexes.
    pub(crate) fn with_indexes(self, indexes: i64) -> u64 {
        self.rows + self.in_indexes * indexes as u64
    }
}

impl Guard {
    /// Sets the hooks of a connection.
    pub(crate) fn install(guard: &Arc<Self>, connection: &mut Connection) -> rusqlite::Result<()> {
        let (asked, looked, told) = (Arc::clone(guard), Arc::clone(guard), Arc::clone(guard));
        connection.authorizer(Some(move |context: AuthContext<'_>| asked.judge(&context)))?;
        connection.progress_handler(INSTRUCTIONS_PER_LOOK, Some(move || looked.is_late()))?;
        connection.update_hook(Some(move |action, _: &str, table: &str, _| told.count_written(action, table)))
    }

    /// Runs the engine's own SQL.
    pub(crate) fn trusting<T>(&self, work: impl FnOnce() -> T) -> T {
        self.trusted.store(true, Ordering::Relaxed);
        let result = work();
        self.trusted.store(false, Ordering::Relaxed);
        result
    }

    /// Gives what follows the time of one query.
    pub(crate) fn begin_query(&self, query_max: Duration) {
        *lock(&self.deadline) = Some(Instant::now() + query_max);
        self.transaction_refused.store(false, Ordering::Relaxed);
    }

    /// Whether what SQLite refused was a transaction.
    pub(crate) fn refused_transaction(&self) -> bool {
        self.transaction_refused.load(Ordering::Relaxed)
    }

    /// Whether a pragma has changed the connection, which is then not for another query.
    pub(crate) fn take_setting_changed(&self) -> bool {
        self.setting_changed.swap(false, Ordering::Relaxed)
    }

    /// What was written of each table.
    pub(crate) fn take_written(&self) -> HashMap<String, Written> {
        std::mem::take(&mut *lock(&self.written))
    }

    fn is_late(&self) -> bool {
        lock(&self.deadline).is_some_and(|deadline| Instant::now() > deadline)
    }

    fn count_written(&self, action: Action, table: &str) {
        let mut written = lock(&self.written);
        if !written.contains_key(table) {
            written.insert(table.to_owned(), Written::default());
        }
        if let Some(counted) = written.get_mut(table) {
            counted.rows += 1;
            counted.in_indexes += u64::from(action != Action::SQLITE_UPDATE);
        }
    }

    fn judge(&self, context: &AuthContext<'_>) -> Authorization {
        if self.trusted.load(Ordering::Relaxed) || self.allows(&context.action) {
            return Authorization::Allow;
        }
        Authorization::Deny
    }

    fn allows(&self, action: &AuthAction<'_>) -> bool {
        match *action {
            AuthAction::Transaction { .. } | AuthAction::Savepoint { .. } => {
                self.transaction_refused.store(true, Ordering::Relaxed);
                false
            }
            AuthAction::Pragma { pragma_name, pragma_value } => self.allows_pragma(pragma_name, pragma_value),
            AuthAction::Function { function_name } => !contains(&REFUSED_FUNCTIONS, function_name),
            AuthAction::CreateVtable { table_name, module_name }
            | AuthAction::DropVtable { table_name, module_name } => {
                is_for_workers(table_name) && contains(&MODULES, module_name)
            }
            AuthAction::Attach { .. }
            | AuthAction::Detach { .. }
            | AuthAction::CreateTempIndex { .. }
            | AuthAction::CreateTempTable { .. }
            | AuthAction::CreateTempTrigger { .. }
            | AuthAction::CreateTempView { .. }
            | AuthAction::DropTempIndex { .. }
            | AuthAction::DropTempTable { .. }
            | AuthAction::DropTempTrigger { .. }
            | AuthAction::DropTempView { .. }
            | AuthAction::Unknown { .. } => false,
            _ => names_in(action).into_iter().flatten().all(is_for_workers),
        }
    }

    fn allows_pragma(&self, name: &str, value: Option<&str>) -> bool {
        if contains(&TELLING, name) {
            return !(name.eq_ignore_ascii_case("page_size") && value.is_some());
        }
        let allowed = contains(&SWITCHES, name);
        if allowed && value.is_some() {
            self.setting_changed.store(true, Ordering::Relaxed);
        }
        allowed
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn contains(names: &[&str], name: &str) -> bool {
    names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

/// Names of tables and the like that begin so are Cloudflare's own.
fn is_for_workers(name: &str) -> bool {
    !name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("_cf_"))
}

/// The names that an action is about.
fn names_in<'a>(action: &AuthAction<'a>) -> [Option<&'a str>; 2] {
    match *action {
        AuthAction::CreateIndex { index_name: name, table_name }
        | AuthAction::DropIndex { index_name: name, table_name }
        | AuthAction::CreateTrigger { trigger_name: name, table_name }
        | AuthAction::DropTrigger { trigger_name: name, table_name } => [Some(name), Some(table_name)],
        AuthAction::CreateTable { table_name }
        | AuthAction::DropTable { table_name }
        | AuthAction::Delete { table_name }
        | AuthAction::Insert { table_name }
        | AuthAction::Update { table_name, .. }
        | AuthAction::Read { table_name, .. }
        | AuthAction::AlterTable { table_name, .. }
        | AuthAction::Analyze { table_name } => [Some(table_name), None],
        AuthAction::CreateView { view_name } | AuthAction::DropView { view_name } => [Some(view_name), None],
        _ => [None, None],
    }
}
