-- A journal as version 1 of its schema left it.
BEGIN TRANSACTION;
CREATE TABLE commands (
    id INTEGER PRIMARY KEY, verb TEXT NOT NULL, arguments TEXT NOT NULL, asked REAL NOT NULL,
    done REAL, reply TEXT, error TEXT
);
CREATE TABLE consoles (id TEXT PRIMARY KEY, seen REAL NOT NULL);
CREATE TABLE events (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, kind TEXT NOT NULL, task TEXT,
    number INTEGER, detail TEXT NOT NULL DEFAULT '{}'
);
INSERT INTO "events" VALUES(1,6.0,'measurement','t1',0,'{}');
CREATE TABLE experiments (
    task TEXT NOT NULL REFERENCES tasks (id), number INTEGER NOT NULL, key TEXT NOT NULL,
    engine TEXT NOT NULL, parameters TEXT NOT NULL, baseline INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT NOT NULL DEFAULT '', score REAL, feasible INTEGER,
    chosen INTEGER, failure TEXT, started REAL, ended REAL,
    PRIMARY KEY (task, number), UNIQUE (task, key)
);
INSERT INTO "experiments" VALUES('t1',0,'k','simulated','{}',1,'succeeded','baseline',100.5,1,0,NULL,2.0,30.0);
CREATE TABLE leases (
    resource TEXT PRIMARY KEY, task TEXT NOT NULL, number INTEGER NOT NULL,
    attempt INTEGER NOT NULL, taken REAL NOT NULL
);
CREATE TABLE live (key TEXT PRIMARY KEY, at REAL NOT NULL, data TEXT NOT NULL);
CREATE TABLE measurements (
    id INTEGER PRIMARY KEY, task TEXT NOT NULL, number INTEGER NOT NULL,
    attempt INTEGER NOT NULL, purpose TEXT NOT NULL, scenario TEXT NOT NULL,
    concurrency INTEGER NOT NULL, requests INTEGER NOT NULL, errors INTEGER NOT NULL,
    error_rate REAL NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    duration REAL NOT NULL, throughput REAL, total_throughput REAL,
    ttft_mean REAL, ttft_p50 REAL, ttft_p90 REAL, ttft_p95 REAL, ttft_p99 REAL, tpot_mean REAL, tpot_p50 REAL, tpot_p90 REAL, tpot_p95 REAL, tpot_p99 REAL, e2e_mean REAL, e2e_p50 REAL, e2e_p90 REAL, e2e_p95 REAL, e2e_p99 REAL,
    attainment REAL, client_lag REAL, client_bound INTEGER NOT NULL, low_n INTEGER NOT NULL,
    feasible INTEGER NOT NULL, breaches TEXT NOT NULL, started REAL NOT NULL,
    ended REAL NOT NULL, failure TEXT,
    UNIQUE (task, number, attempt, purpose, scenario, concurrency),
    FOREIGN KEY (task, number, attempt) REFERENCES starts (task, number, attempt)
);
INSERT INTO "measurements" VALUES(1,'t1',0,1,'search','D(40,10)',4,40,1,0.025,1600,400,10.0,100.5,500.0,NULL,NULL,NULL,0.25,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,1,1,'[]',6.0,16.0,NULL);
CREATE TABLE phases (
    task TEXT NOT NULL, number INTEGER NOT NULL, attempt INTEGER NOT NULL,
    phase TEXT NOT NULL, started REAL NOT NULL, ended REAL, progress REAL, detail TEXT,
    PRIMARY KEY (task, number, attempt, phase)
);
CREATE TABLE presets (name TEXT PRIMARY KEY, data TEXT NOT NULL);
CREATE TABLE schema_version (version INTEGER NOT NULL);
INSERT INTO "schema_version" VALUES(1);
CREATE TABLE starts (
    task TEXT NOT NULL, number INTEGER NOT NULL, attempt INTEGER NOT NULL,
    reason TEXT NOT NULL, state TEXT NOT NULL, pid INTEGER, pid_started REAL, container TEXT,
    started REAL NOT NULL, ready REAL, ended REAL, failure TEXT,
    PRIMARY KEY (task, number, attempt),
    FOREIGN KEY (task, number) REFERENCES experiments (task, number)
);
INSERT INTO "starts" VALUES('t1',0,1,'search','stopped',NULL,NULL,NULL,2.0,5.0,30.0,NULL);
CREATE TABLE tasks (
    id TEXT PRIMARY KEY, name TEXT NOT NULL, state TEXT NOT NULL, engine TEXT NOT NULL,
    model TEXT NOT NULL, objective TEXT NOT NULL, unit TEXT NOT NULL,
    simulated INTEGER NOT NULL, planned INTEGER, submitted REAL NOT NULL, started REAL,
    ended REAL, spent REAL NOT NULL DEFAULT 0, deadline REAL, best INTEGER, verdict TEXT,
    failure TEXT, note TEXT NOT NULL DEFAULT ''
);
INSERT INTO "tasks" VALUES('t1','old','completed','simulated','sim-8b','throughput','tok/s',1,2,1.0,NULL,NULL,60.5,NULL,0,'{"kind": "unconfirmed", "delta": 0.1, "interval": null, "repeats": 1}',NULL,'');
CREATE INDEX events_by_task ON events (task, id);
CREATE INDEX commands_open ON commands (id) WHERE done IS NULL;
COMMIT;
