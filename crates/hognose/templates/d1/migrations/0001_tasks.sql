-- Migration number: 0001
CREATE TABLE tasks (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL
);
