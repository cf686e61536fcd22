//! Analytics Engine: data points of Workers, kept in an SQLite file for three months. The columns are those of
//! Cloudflare's SQL, so queries can be written against the file with any SQLite tool. No point is left out, so
//! `_sample_interval` is always 1.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rusqlite::types::Value;
use rusqlite::{Transaction, params_from_iter};
use serde::Deserialize;

use crate::sqlite::{Database, OpenError, Schema};
use crate::{Answer, Call, CallError, Clock, Pending, Service};

/// How long points are kept, in milliseconds: Cloudflare's three months.
const KEPT_MS: i64 = 92 * 86_400_000;
/// How often what is too old is removed, in milliseconds.
const SWEEP_INTERVAL_MS: i64 = 3_600_000;
/// How many points one sweep removes at most: others' writes wait for it.
const SWEEP_STEP: i64 = 10_000;
/// How many blobs and doubles a point can have.
const COLUMNS: usize = 20;
/// The longest index and the most bytes of blobs, as the client half checks them.
const INDEX_MAX_BYTES: usize = 96;
const BLOBS_MAX_BYTES: usize = 16_000;

const SCHEMA: Schema = Schema {
    version: 1,
    tables: "
        CREATE TABLE points (
            dataset TEXT NOT NULL, timestamp INTEGER NOT NULL, _sample_interval INTEGER NOT NULL DEFAULT 1, index1,
            blob1, blob2, blob3, blob4, blob5, blob6, blob7, blob8, blob9, blob10,
            blob11, blob12, blob13, blob14, blob15, blob16, blob17, blob18, blob19, blob20,
            double1, double2, double3, double4, double5, double6, double7, double8, double9, double10,
            double11, double12, double13, double14, double15, double16, double17, double18, double19, double20
        );
        CREATE INDEX points_by_time ON points (dataset, timestamp);
        CREATE INDEX points_by_age ON points (timestamp);
    ",
    changes: &[],
};

/// The file with all datasets.
pub struct Analytics {
    database: Database,
    clock: Arc<dyn Clock>,
    next_sweep_ms: AtomicI64,
}

impl Analytics {
    /// Opens the file, making it where it does not exist. Its folder must exist.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let database = Database::open(path, &SCHEMA)?;
        Ok(Self { database, clock, next_sweep_ms: AtomicI64::default() })
    }

    fn write(&self, dataset: &str, point: Point) -> impl Future<Output = rusqlite::Result<()>> + use<> {
        let now_ms = self.clock.now_ms();
        let due_ms = self.next_sweep_ms.load(Ordering::Relaxed);
        let sweeps = now_ms >= due_ms
            && self
                .next_sweep_ms
                .compare_exchange(due_ms, now_ms + SWEEP_INTERVAL_MS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        let row = row(dataset.to_owned(), now_ms, point);
        self.database.write(move |transaction| {
            if sweeps {
                sweep(transaction, now_ms - KEPT_MS)?;
            }
            insert(transaction, &row)
        })
    }
}

/// A data point as the client half sends it.
#[derive(Deserialize)]
struct Point {
    index: Option<Datum>,
    blobs: Vec<Option<Datum>>,
    doubles: Vec<Option<f64>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Datum {
    Text(String),
    Bytes { base64: String },
}

impl Datum {
    fn value(self) -> Value {
        match self {
            Self::Text(text) => Value::Text(text),
            Self::Bytes { base64 } => Value::Blob(STANDARD.decode(base64).unwrap_or_default()),
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Bytes { base64 } => base64.len() / 4 * 3,
        }
    }
}

impl Point {
    fn is_within_limits(&self) -> bool {
        let total: usize = self.blobs.iter().flatten().map(Datum::size).sum();
        self.blobs.len() <= COLUMNS
            && self.doubles.len() <= COLUMNS
            && total <= BLOBS_MAX_BYTES + COLUMNS * 2
            && self.index.as_ref().is_none_or(|index| index.size() <= INDEX_MAX_BYTES + 2)
    }
}

/// A point as the values of all columns but `_sample_interval`.
fn row(dataset: String, now_ms: i64, point: Point) -> Vec<Value> {
    let mut row =
        vec![Value::Text(dataset), Value::Integer(now_ms), point.index.map_or(Value::Null, Datum::value)];
    row.extend(point.blobs.into_iter().map(|blob| blob.map_or(Value::Null, Datum::value)));
    row.resize(3 + COLUMNS, Value::Null);
    row.extend(point.doubles.into_iter().map(|double| double.map_or(Value::Null, Value::Real)));
    row.resize(3 + 2 * COLUMNS, Value::Null);
    row
}

fn insert(transaction: &Transaction<'_>, row: &[Value]) -> rusqlite::Result<()> {
    let names =
        |kind: &str| (1..=COLUMNS).map(|number| format!("{kind}{number}")).collect::<Vec<_>>().join(",");
    let places = vec!["?"; row.len()].join(",");
    let sql = format!(
        "INSERT INTO points (dataset, timestamp, index1, {}, {}) VALUES ({places})",
        names("blob"),
        names("double")
    );
    transaction.prepare_cached(&sql)?.execute(params_from_iter(row)).map(drop)
}

fn sweep(transaction: &Transaction<'_>, before_ms: i64) -> rusqlite::Result<()> {
    let sql = "DELETE FROM points WHERE rowid IN (SELECT rowid FROM points WHERE timestamp < ?1 LIMIT ?2)";
    transaction.prepare_cached(sql)?.execute([before_ms, SWEEP_STEP]).map(drop)
}

/// A dataset as a binding.
pub struct DatasetService {
    analytics: Arc<Analytics>,
    dataset: String,
}

impl DatasetService {
    /// Serves the dataset of that name.
    pub fn new(analytics: Arc<Analytics>, dataset: String) -> Self {
        Self { analytics, dataset }
    }

    fn write(&self, call: &Call<'_>) -> Result<Pending<Result<Answer, CallError>>, CallError> {
        let json: String = call.read_params()?;
        let point: Point = serde_json::from_str(&json)
            .map_err(|error| CallError::violation(format!("`write` with a malformed point: {error}")))?;
        if !point.is_within_limits() {
            return Err(CallError::violation("`write` of a point that is too large"));
        }
        // Handed to the writer at once, so that the point is kept even where the Worker ends meanwhile.
        let written = self.analytics.write(&self.dataset, point);
        Ok(Pending::later(async move {
            match written.await {
                Ok(()) => Ok(Answer::of(&"")),
                Err(error) => Err(CallError::Failed(crate::Failure {
                    name: "Error".into(),
                    message: "The data point could not be written.".to_owned(),
                    retryable: true,
                    cause: Some(error.to_string()),
                })),
            }
        }))
    }
}

impl Service for DatasetService {
    fn call(&self, call: Call<'_>) -> Pending<Result<Answer, CallError>> {
        let begun = match call.method {
            "write" => self.write(&call),
            unknown => Err(CallError::unknown_method("a dataset", unknown)),
        };
        begun.unwrap_or_else(|error| Pending::Ready(Err(error)))
    }
}
