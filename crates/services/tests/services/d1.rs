//! D1's engine: what is kept, what is contained, and what several processes may do to one file.

use std::borrow::Cow;
use std::path::Path;
use std::time::Duration;

use hognose_services::block_on;
use hognose_services::d1::{D1, D1Error, Outcome, SqliteD1, SqliteDatabase, Statement, Value};

use crate::support::TurnedClock;

fn open(folder: &Path) -> SqliteDatabase {
    SqliteD1::new(folder.to_owned(), TurnedClock::new()).database("id")
}

fn query(database: &SqliteDatabase, statements: &[&str]) -> Result<Outcome, D1Error> {
    let statements = statements.iter().map(|sql| Statement { sql: (*sql).to_owned(), params: vec![] });
    block_on(database.query(statements.collect()).wait())
}

fn value(database: &SqliteDatabase, sql: &str) -> Value<'static> {
    let outcome = query(database, &[sql]).unwrap();
    match &outcome.results[0].rows()[0][0] {
        Value::Integer(number) => Value::Integer(*number),
        Value::Text(text) => Value::Text(Cow::Owned(text.clone().into_owned())),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_was_answered_is_there_when_the_file_is_opened_again() {
    let folder = tempfile::tempdir().unwrap();
    query(&open(folder.path()), &["CREATE TABLE t (x)", "INSERT INTO t VALUES (7)"]).unwrap();
    assert_eq!(value(&open(folder.path()), "SELECT x FROM t"), Value::Integer(7));
}

#[test]
fn two_processes_share_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let (one, other) = (open(folder.path()), open(folder.path()));
    query(&one, &["CREATE TABLE t (x)"]).unwrap();
    std::thread::scope(|scope| {
        for database in [&one, &other] {
            scope.spawn(|| {
                for _ in 0..50 {
                    query(database, &["SELECT count(*) FROM t", "INSERT INTO t VALUES (1)"]).unwrap();
                }
            });
        }
    });
    assert_eq!(value(&one, "SELECT count(*) FROM t"), Value::Integer(100));
    assert_eq!(value(&other, "SELECT count(*) FROM t"), Value::Integer(100));
}

#[test]
fn a_query_without_end_is_ended_and_others_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SqliteD1::new(folder.path().to_owned(), TurnedClock::new());
    let database = engine.with_query_max(Duration::from_millis(20)).database("id");
    query(&database, &["CREATE TABLE t (x)"]).unwrap();
    let endless = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT max(x) FROM n";
    assert_eq!(query(&database, &[endless]), Err(D1Error::Timeout));
    assert_eq!(query(&database, &["INSERT INTO t VALUES (1)", endless]), Err(D1Error::Timeout));
    assert_eq!(value(&database, "SELECT count(*) FROM t"), Value::Integer(0), "it was rolled back");
}

#[test]
fn a_statement_is_judged_also_where_the_engine_has_used_the_same_text() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    query(&database, &["CREATE TABLE t (x)"]).unwrap();
    for sql in [
        "BEGIN IMMEDIATE",
        "COMMIT",
        "ROLLBACK",
        "PRAGMA page_count",
        " PRAGMA page_count\n",
        "PRAGMA page_count;",
    ] {
        assert!(matches!(query(&database, &[sql]), Err(D1Error::Sql(_))), "{sql}");
    }
    assert!(query(&database, &["INSERT INTO t VALUES (1)", "COMMIT"]).is_err());
    assert_eq!(value(&database, "SELECT count(*) FROM t"), Value::Integer(0));
}

#[test]
fn a_setting_lasts_for_one_query() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let like = "SELECT 'A' LIKE 'a'";
    let within = query(&database, &["PRAGMA case_sensitive_like = on", like]).unwrap();
    assert_eq!(within.results[1].rows()[0][0], Value::Integer(0));
    assert_eq!(value(&database, like), Value::Integer(1));
}

#[test]
fn bookmarks_grow_with_writes_only() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let bookmark = |sql| query(&database, &[sql]).unwrap().bookmark;
    let made = bookmark("CREATE TABLE t (x)");
    let read = bookmark("SELECT 1");
    let written = bookmark("INSERT INTO t VALUES (1)");
    assert!(made == read && read < written);
}
