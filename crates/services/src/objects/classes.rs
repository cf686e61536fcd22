//! Which classes of which Worker keep their objects where. The record outlives renames: it is made when a class is first
//! seen or a migration creates it, and each migration is applied once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Namespace;

/// One step of a Worker's migrations, as its configuration has it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Migration {
    /// Its tag; those applied are known by it.
    pub tag: String,
    /// Classes that begin to exist, with the older storage.
    pub new_classes: Vec<String>,
    /// Classes that begin to exist, with SQL.
    pub new_sqlite_classes: Vec<String>,
    /// Pairs of an old name and a new one.
    pub renamed_classes: Vec<(String, String)>,
    /// Classes that end, with all their objects.
    pub deleted_classes: Vec<String>,
    /// Classes that come from another Worker: the name there, that Worker, the name here.
    pub transferred_classes: Vec<(String, String, String)>,
}

/// A Worker's classes, as its configuration uses them.
#[derive(Clone, Copy, Debug)]
pub struct ClassUse<'a> {
    /// The Worker.
    pub worker: &'a str,
    /// All its migrations, in order.
    pub migrations: &'a [Migration],
}

/// Why migrations cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum ClassError {
    /// The record cannot be read or written.
    #[error("the record of Durable Object classes {path}: {source}")]
    Record {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// What was applied last is not among the migrations any more.
    #[error(
        "the migrations of `{worker}` do not have the tag \"{tag}\", which was applied last: restore it, or remove the \
         state folder to begin anew"
    )]
    UnknownTag {
        /// The Worker.
        worker: String,
        /// The tag.
        tag: String,
    },
    /// A migration is about a class that there is not.
    #[error(
        "migration \"{tag}\" of `{worker}` is about the class \"{class}\", which no earlier migration created"
    )]
    NoClass {
        /// The Worker.
        worker: String,
        /// The migration.
        tag: String,
        /// The class.
        class: String,
    },
    /// A migration creates a class that there is.
    #[error("migration \"{tag}\" of `{worker}` creates the class \"{class}\", which exists already")]
    ClassExists {
        /// The Worker.
        worker: String,
        /// The migration.
        tag: String,
        /// The class.
        class: String,
    },
}

/// The record, kept as JSON.
#[derive(Debug)]
pub struct ClassRecords {
    path: PathBuf,
    workers: BTreeMap<String, WorkerRecord>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct WorkerRecord {
    tag: Option<String>,
    classes: BTreeMap<String, ClassRecord>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct ClassRecord {
    key: String,
    sql: bool,
}

impl ClassRecords {
    /// Reads the record, which need not exist yet.
    pub fn open(path: &Path) -> Result<Self, ClassError> {
        let wrong = |source| ClassError::Record { path: path.to_owned(), source };
        let workers = match std::fs::read(path) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|error| wrong(error.into()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(wrong(error)),
        };
        Ok(Self { path: path.to_owned(), workers })
    }

    /// Applies the migrations that were not applied before. Gives the keys of namespaces that ended, whose objects are to
    /// be erased.
    pub fn migrate(&mut self, class_use: ClassUse<'_>) -> Result<Vec<String>, ClassError> {
        let ClassUse { worker, migrations } = class_use;
        let applied = self.workers.get(worker).and_then(|record| record.tag.clone());
        let first = match &applied {
            None => 0,
            Some(tag) => {
                let position = migrations.iter().position(|migration| migration.tag == *tag);
                let unknown = || ClassError::UnknownTag { worker: worker.to_owned(), tag: tag.clone() };
                position.ok_or_else(unknown)? + 1
            }
        };
        let before = self.workers.clone();
        let mut ended = Vec::new();
        for migration in &migrations[first..] {
            if let Err(error) = self.apply(worker, migration, &mut ended) {
                self.workers = before;
                return Err(error);
            }
        }
        if first < migrations.len() {
            self.save()?;
        }
        Ok(ended)
    }

    /// Where the objects of a class are kept. One that no migration created has the older storage, as with wrangler.
    pub fn namespace(&mut self, worker: &str, class: &str) -> Result<Namespace, ClassError> {
        let known = self.workers.get(worker).and_then(|record| record.classes.get(class));
        if let Some(ClassRecord { key, sql }) = known {
            return Ok(Namespace { key: key.clone(), sql: *sql });
        }
        self.create(worker, class, false);
        self.save()?;
        self.namespace(worker, class)
    }

    /// A Worker's classes, and where their objects are kept.
    pub fn classes(&self, worker: &str) -> Vec<(String, Namespace)> {
        let record = self.workers.get(worker);
        let classes = record.into_iter().flat_map(|record| &record.classes);
        let namespace = |record: &ClassRecord| Namespace { key: record.key.clone(), sql: record.sql };
        classes.map(|(class, record)| (class.clone(), namespace(record))).collect()
    }

    fn apply(
        &mut self,
        worker: &str,
        migration: &Migration,
        ended: &mut Vec<String>,
    ) -> Result<(), ClassError> {
        let tag = &migration.tag;
        for (classes, sql) in [(&migration.new_classes, false), (&migration.new_sqlite_classes, true)] {
            for class in classes {
                if self.workers.get(worker).is_some_and(|record| record.classes.contains_key(class)) {
                    let (worker, tag, class) = (worker.to_owned(), tag.clone(), class.clone());
                    return Err(ClassError::ClassExists { worker, tag, class });
                }
                self.create(worker, class, sql);
            }
        }
        for (from, to) in &migration.renamed_classes {
            let record = self.take(worker, from, worker, tag)?;
            self.record(worker).classes.insert(to.clone(), record);
        }
        for (from, from_worker, to) in &migration.transferred_classes {
            let record = self.take(from_worker, from, worker, tag)?;
            self.record(worker).classes.insert(to.clone(), record);
        }
        for class in &migration.deleted_classes {
            ended.push(self.take(worker, class, worker, tag)?.key);
        }
        self.record(worker).tag = Some(tag.clone());
        Ok(())
    }

    fn record(&mut self, worker: &str) -> &mut WorkerRecord {
        self.workers.entry(worker.to_owned()).or_default()
    }

    /// A class that was deleted and created again is another one: its key has not been used before.
    fn create(&mut self, worker: &str, class: &str, sql: bool) {
        let used = |key: &str| {
            self.workers.values().flat_map(|record| record.classes.values()).any(|record| record.key == key)
        };
        let plain = format!("{worker}-{class}");
        let mut keys = std::iter::once(plain.clone()).chain((2..).map(|number| format!("{plain}-{number}")));
        let key = keys.find(|key| !used(key)).expect("invariant: there are more numbers than classes");
        self.record(worker).classes.insert(class.to_owned(), ClassRecord { key, sql });
    }

    fn take(&mut self, from: &str, class: &str, worker: &str, tag: &str) -> Result<ClassRecord, ClassError> {
        let found = self.workers.get_mut(from).and_then(|record| record.classes.remove(class));
        found.ok_or_else(|| ClassError::NoClass {
            worker: worker.to_owned(),
            tag: tag.to_owned(),
            class: class.to_owned(),
        })
    }

    fn save(&self) -> Result<(), ClassError> {
        let wrong = |source| ClassError::Record { path: self.path.clone(), source };
        let text = serde_json::to_vec_pretty(&self.workers).expect("invariant: the record is plain data");
        let fresh = self.path.with_extension("new");
        let replace = || {
            let mut file = File::create(&fresh)?;
            file.write_all(&text)?;
            // The new content is on the disk before its name is.
            file.sync_all()?;
            std::fs::rename(&fresh, &self.path)?;
            self.path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
        };
        replace().map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::{ClassError, ClassRecords, ClassUse, Migration};

    fn migration(tag: &str) -> Migration {
        Migration { tag: tag.into(), ..Migration::default() }
    }

    fn migrate(records: &mut ClassRecords, migrations: &[Migration]) -> Result<Vec<String>, ClassError> {
        records.migrate(ClassUse { worker: "w", migrations })
    }

    #[test]
    fn a_renamed_class_keeps_its_objects_and_a_deleted_one_loses_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("classes.json");
        let mut records = ClassRecords::open(&path).unwrap();
        let first = Migration { new_sqlite_classes: vec!["A".into()], ..migration("1") };
        assert_eq!(migrate(&mut records, std::slice::from_ref(&first)).unwrap(), [""; 0]);
        let before = records.namespace("w", "A").unwrap();
        assert!(before.sql);
        let second = Migration { renamed_classes: vec![("A".into(), "B".into())], ..migration("2") };
        let mut records = ClassRecords::open(&path).unwrap();
        migrate(&mut records, &[first.clone(), second.clone()]).unwrap();
        assert_eq!(records.namespace("w", "B").unwrap(), before);
        let third = Migration { deleted_classes: vec!["B".into()], ..migration("3") };
        assert_eq!(migrate(&mut records, &[first, second, third]).unwrap(), ["w-A"]);
    }

    #[test]
    fn mistakes_change_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let mut records = ClassRecords::open(&folder.path().join("classes.json")).unwrap();
        let create = |tag: &str| Migration { new_classes: vec!["A".into()], ..migration(tag) };
        migrate(&mut records, &[create("1")]).unwrap();
        let twice = migrate(&mut records, &[create("1"), create("2")]);
        assert!(matches!(twice, Err(ClassError::ClassExists { .. })));
        let gone = Migration { deleted_classes: vec!["C".into()], ..migration("2") };
        assert!(matches!(migrate(&mut records, &[create("1"), gone]), Err(ClassError::NoClass { .. })));
        assert!(matches!(migrate(&mut records, &[create("0")]), Err(ClassError::UnknownTag { .. })));
        migrate(&mut records, &[create("1"), migration("2")]).unwrap();
    }
}
