-- DuckDB reads an export. The variable `export` is its folder, with a folder for each table.
--
-- Gives what analytics/tables.sql reads: for each table its lines of full exports, and those of incremental ones. The
-- macros are functions that Athena has by itself.
CREATE MACRO json_extract_scalar(json, path) AS json_extract_string(json, path);
CREATE MACRO json_format(json) AS CAST(json AS VARCHAR);
CREATE MACRO regexp_like(text, pattern) AS regexp_matches(text, pattern);
CREATE MACRO approx_percentile(number, share) AS quantile_disc(number, share);

CREATE VIEW accounts_lines AS
SELECT CAST(json AS VARCHAR) AS line
FROM read_ndjson_objects(getvariable('export') || '/accounts/AWSDynamoDB/**/*.json.gz', compression = 'gzip');
CREATE VIEW accounts_full AS SELECT line FROM accounts_lines WHERE line LIKE '{"Item":%';
CREATE VIEW accounts_changes AS SELECT line FROM accounts_lines WHERE line NOT LIKE '{"Item":%';

CREATE VIEW payments_lines AS
SELECT CAST(json AS VARCHAR) AS line
FROM read_ndjson_objects(getvariable('export') || '/payments/AWSDynamoDB/**/*.json.gz', compression = 'gzip');
CREATE VIEW payments_full AS SELECT line FROM payments_lines WHERE line LIKE '{"Item":%';
CREATE VIEW payments_changes AS SELECT line FROM payments_lines WHERE line NOT LIKE '{"Item":%';

CREATE VIEW refunds_lines AS
SELECT CAST(json AS VARCHAR) AS line
FROM read_ndjson_objects(getvariable('export') || '/refunds/AWSDynamoDB/**/*.json.gz', compression = 'gzip');
CREATE VIEW refunds_full AS SELECT line FROM refunds_lines WHERE line LIKE '{"Item":%';
CREATE VIEW refunds_changes AS SELECT line FROM refunds_lines WHERE line NOT LIKE '{"Item":%';

CREATE VIEW dead_letters_lines AS
SELECT CAST(json AS VARCHAR) AS line
FROM read_ndjson_objects(getvariable('export') || '/dead-letters/AWSDynamoDB/**/*.json.gz', compression = 'gzip');
CREATE VIEW dead_letters_full AS SELECT line FROM dead_letters_lines WHERE line LIKE '{"Item":%';
CREATE VIEW dead_letters_changes AS SELECT line FROM dead_letters_lines WHERE line NOT LIKE '{"Item":%';
