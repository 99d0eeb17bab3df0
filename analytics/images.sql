-- The newest image of each item of an export, the same on Athena and on DuckDB.
--
-- Takes `…_full` and `…_changes`, which analytics/duckdb.sql or analytics/athena.sql make: a line of DynamoDB's JSON
-- each. Gives `…_now`, with one item a row. An incremental export tells the newest image of each item that was written
-- in its time. So the full export counts for the items that none of them tells. A deleted item has no new image.

-- The newest image of each item that incremental exports tell. It is null if the item was deleted.
CREATE VIEW accounts_newest AS
SELECT id, item
FROM (
    SELECT
        json_extract_scalar(line, '$.Keys.account_id.S') AS id,
        json_format(json_extract(line, '$.NewImage')) AS item,
        row_number() OVER (
            PARTITION BY json_extract_scalar(line, '$.Keys.account_id.S')
            ORDER BY CAST(json_extract_scalar(line, '$.Metadata.WriteTimestampMicros.N') AS BIGINT) DESC
        ) AS place
    FROM accounts_changes
) AS images
WHERE place = 1;

CREATE VIEW accounts_now AS
SELECT written.item
FROM (
    SELECT
        json_extract_scalar(line, '$.Item.account_id.S') AS id,
        json_format(json_extract(line, '$.Item')) AS item
    FROM accounts_full
) AS written
LEFT JOIN accounts_newest AS newest ON newest.id = written.id
WHERE newest.id IS NULL
UNION ALL
SELECT item FROM accounts_newest WHERE item IS NOT NULL;

CREATE VIEW payments_newest AS
SELECT id, item
FROM (
    SELECT
        json_extract_scalar(line, '$.Keys.payment_id.S') AS id,
        json_format(json_extract(line, '$.NewImage')) AS item,
        row_number() OVER (
            PARTITION BY json_extract_scalar(line, '$.Keys.payment_id.S')
            ORDER BY CAST(json_extract_scalar(line, '$.Metadata.WriteTimestampMicros.N') AS BIGINT) DESC
        ) AS place
    FROM payments_changes
) AS images
WHERE place = 1;

CREATE VIEW payments_now AS
SELECT written.item
FROM (
    SELECT
        json_extract_scalar(line, '$.Item.payment_id.S') AS id,
        json_format(json_extract(line, '$.Item')) AS item
    FROM payments_full
) AS written
LEFT JOIN payments_newest AS newest ON newest.id = written.id
WHERE newest.id IS NULL
UNION ALL
SELECT item FROM payments_newest WHERE item IS NOT NULL;

CREATE VIEW refunds_newest AS
SELECT id, item
FROM (
    SELECT
        json_extract_scalar(line, '$.Keys.payment_id.S') AS id,
        json_format(json_extract(line, '$.NewImage')) AS item,
        row_number() OVER (
            PARTITION BY json_extract_scalar(line, '$.Keys.payment_id.S')
            ORDER BY CAST(json_extract_scalar(line, '$.Metadata.WriteTimestampMicros.N') AS BIGINT) DESC
        ) AS place
    FROM refunds_changes
) AS images
WHERE place = 1;

CREATE VIEW refunds_now AS
SELECT written.item
FROM (
    SELECT
        json_extract_scalar(line, '$.Item.payment_id.S') AS id,
        json_format(json_extract(line, '$.Item')) AS item
    FROM refunds_full
) AS written
LEFT JOIN refunds_newest AS newest ON newest.id = written.id
WHERE newest.id IS NULL
UNION ALL
SELECT item FROM refunds_newest WHERE item IS NOT NULL;

CREATE VIEW dead_letters_newest AS
SELECT id, part, item
FROM (
    SELECT
        json_extract_scalar(line, '$.Keys.source.S') AS id,
        json_extract_scalar(line, '$.Keys.part.N') AS part,
        json_format(json_extract(line, '$.NewImage')) AS item,
        row_number() OVER (
            PARTITION BY
                json_extract_scalar(line, '$.Keys.source.S'),
                json_extract_scalar(line, '$.Keys.part.N')
            ORDER BY CAST(json_extract_scalar(line, '$.Metadata.WriteTimestampMicros.N') AS BIGINT) DESC
        ) AS place
    FROM dead_letters_changes
) AS images
WHERE place = 1;

CREATE VIEW dead_letters_now AS
SELECT written.item
FROM (
    SELECT
        json_extract_scalar(line, '$.Item.source.S') AS id,
        json_extract_scalar(line, '$.Item.part.N') AS part,
        json_format(json_extract(line, '$.Item')) AS item
    FROM dead_letters_full
) AS written
LEFT JOIN dead_letters_newest AS newest ON newest.id = written.id AND newest.part = written.part
WHERE newest.id IS NULL
UNION ALL
SELECT item FROM dead_letters_newest WHERE item IS NOT NULL;
