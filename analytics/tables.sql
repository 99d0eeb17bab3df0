-- The items of an export as tables, the same on Athena and on DuckDB.
--
-- Takes `…_now` of analytics/images.sql. Gives `account_items`, `window_items`, `payment_items`, `leg_items`,
-- `refund_items` and `letter_items`. They are stored, because the queries read them several times. docs/tables.md says
-- what attributes hold.
--
-- `wrong` names the first attribute that Giro could not read, by the rules of src/store/items/. It is null if all is
-- well, and only then do the other columns count. A test holds the two to each other. A number is whole, or null here.

-- 0 to 1023: the numbers of lanes, and of legs.
CREATE VIEW numbers AS
SELECT high.n * 32 + low.n AS n
FROM (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15),
    (16), (17), (18), (19), (20), (21), (22), (23), (24), (25), (26), (27), (28), (29), (30), (31)) AS high (n)
CROSS JOIN (VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9), (10), (11), (12), (13), (14), (15),
    (16), (17), (18), (19), (20), (21), (22), (23), (24), (25), (26), (27), (28), (29), (30), (31)) AS low (n);

CREATE VIEW account_texts AS
SELECT
    json_extract_scalar(item, '$.account_id.S') AS id,
    json_extract_scalar(item, '$.account_id.S') LIKE '%/%' AS is_lane,
    json_extract_scalar(item, '$.currency.S') AS currency,
    json_extract_scalar(item, '$.status.S') AS status,
    TRY_CAST(nullif(regexp_extract(json_extract_scalar(item, '$.balance.N'), '^-?[0-9]+\z'), '') AS BIGINT) AS balance,
    TRY_CAST(nullif(regexp_extract(json_extract_scalar(item, '$.version.N'), '^-?[0-9]+\z'), '') AS BIGINT) AS version,
    TRY_CAST(
        nullif(regexp_extract(json_extract_scalar(item, '$.overdraft_limit.N'), '^-?[0-9]+\z'), '') AS BIGINT
    ) AS overdraft_limit,
    nullif(regexp_extract(
        json_extract_scalar(item, '$.opened_at.S'),
        '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[.][0-9]{3}Z\z'
    ), '') AS opened_at,
    TRY_CAST(
        nullif(regexp_extract(json_extract_scalar(item, '$.credit_lanes.N'), '^-?[0-9]+\z'), '') AS BIGINT
    ) AS credit_lanes,
    json_extract_scalar(item, '$.lane_debits.BOOL') AS lane_debits,
    nullif(regexp_extract(
        json_extract_scalar(item, '$.paused_until.S'),
        '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[.][0-9]{3}Z\z'
    ), '') AS paused_until,
    json_extract_scalar(item, '$.owner.S') AS owner,
    json_extract_scalar(item, '$.shut.BOOL') AS shut,
    json_extract_scalar(item, '$.debited.BOOL') AS debited,
    TRY_CAST(
        nullif(regexp_extract(json_extract_scalar(item, '$.limits_version.N'), '^-?[0-9]+\z'), '') AS BIGINT
    ) AS limits_version,
    TRY_CAST(
        nullif(regexp_extract(json_extract_scalar(item, '$.max_payment.N'), '^-?[0-9]+\z'), '') AS BIGINT
    ) AS max_payment,
    TRY_CAST(
        nullif(regexp_extract(json_extract_scalar(item, '$.max_balance.N'), '^-?[0-9]+\z'), '') AS BIGINT
    ) AS max_balance,
    json_extract(item, '$.overdraft_limit') IS NOT NULL AS has_overdraft_limit,
    json_extract(item, '$.credit_lanes') IS NOT NULL AS has_credit_lanes,
    json_extract(item, '$.lane_debits') IS NOT NULL AS has_lane_debits,
    json_extract(item, '$.paused_until') IS NOT NULL AS has_paused_until,
    json_extract(item, '$.owner') IS NOT NULL AS has_owner,
    json_extract(item, '$.shut') IS NOT NULL AS has_shut,
    json_extract(item, '$.debited') IS NOT NULL AS has_debited,
    json_extract(item, '$.limits_version') IS NOT NULL AS has_limits_version,
    json_extract(item, '$.max_payment') IS NOT NULL AS has_max_payment,
    json_extract(item, '$.max_balance') IS NOT NULL AS has_max_balance,
    item
FROM accounts_now;

-- A row for each account whose limits are read, and each period. An account has a window if it has a limit for it.
CREATE VIEW window_texts AS
SELECT
    texts.id,
    periods.period,
    json_extract(texts.item, concat('$.', periods.period, '_max_amount')) IS NOT NULL AS has_max_amount,
    json_extract(texts.item, concat('$.', periods.period, '_max_count')) IS NOT NULL AS has_max_count,
    json_extract(texts.item, concat('$.', periods.period, '_start')) IS NOT NULL AS has_start,
    TRY_CAST(nullif(regexp_extract(
        json_extract_scalar(texts.item, concat('$.', periods.period, '_max_amount.N')), '^-?[0-9]+\z'
    ), '') AS BIGINT) AS max_amount,
    TRY_CAST(nullif(regexp_extract(
        json_extract_scalar(texts.item, concat('$.', periods.period, '_max_count.N')), '^-?[0-9]+\z'
    ), '') AS BIGINT) AS max_count,
    TRY_CAST(nullif(regexp_extract(
        json_extract_scalar(texts.item, concat('$.', periods.period, '_since.N')), '^-?[0-9]+\z'
    ), '') AS BIGINT) AS since,
    nullif(regexp_extract(
        json_extract_scalar(texts.item, concat('$.', periods.period, '_start.S')),
        '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[.][0-9]{3}Z\z'
    ), '') AS began,
    TRY_CAST(nullif(regexp_extract(
        json_extract_scalar(texts.item, concat('$.', periods.period, '_amount.N')), '^-?[0-9]+\z'
    ), '') AS BIGINT) AS amount,
    TRY_CAST(nullif(regexp_extract(
        json_extract_scalar(texts.item, concat('$.', periods.period, '_count.N')), '^-?[0-9]+\z'
    ), '') AS BIGINT) AS payments
FROM account_texts AS texts
CROSS JOIN (VALUES ('hour'), ('day'), ('month')) AS periods (period)
WHERE NOT texts.is_lane AND texts.has_limits_version;

CREATE TABLE window_items AS
SELECT
    id,
    period,
    has_max_amount OR has_max_count AS is_limited,
    since,
    began,
    amount,
    payments,
    CASE
        WHEN NOT coalesce(NOT has_max_amount OR max_amount BETWEEN 0 AND 9007199254740991, false) THEN 'max_amount'
        WHEN NOT coalesce(NOT has_max_count OR max_count BETWEEN 0 AND 9007199254740991, false) THEN 'max_count'
        WHEN NOT coalesce(NOT (has_max_amount OR has_max_count) OR since >= 0, false) THEN 'since'
        WHEN NOT coalesce(NOT (has_max_amount OR has_max_count) OR NOT has_start OR began IS NOT NULL, false)
            THEN 'start'
        WHEN NOT coalesce(NOT (has_max_amount OR has_max_count) OR NOT has_start OR payments >= 0, false) THEN 'count'
        WHEN NOT coalesce(NOT (has_max_amount OR has_max_count) OR NOT has_start OR amount >= 0, false) THEN 'amount'
    END AS wrong
FROM window_texts;

CREATE TABLE account_items AS
SELECT
    texts.id,
    is_lane,
    split_part(texts.id, '/', 1) AS account,
    CASE WHEN is_lane THEN TRY_CAST(split_part(texts.id, '/', 2) AS BIGINT) END AS lane,
    currency,
    status,
    balance,
    CASE WHEN has_overdraft_limit THEN overdraft_limit END AS overdraft_limit,
    coalesce(credit_lanes, 0) AS credit_lanes,
    coalesce(lane_debits, 'false') = 'true' AS lane_debits,
    coalesce(shut, 'false') = 'true' AS is_shut,
    CASE WHEN has_limits_version THEN max_balance END AS max_balance,
    CASE
        WHEN NOT coalesce(is_lane OR regexp_like(texts.id, '^[A-Za-z0-9._:-]{1,64}\z'), false) THEN 'account_id'
        WHEN NOT coalesce(NOT is_lane OR regexp_like(texts.id, '^[A-Za-z0-9._:-]{1,64}/(0|[1-9][0-9]{0,4})\z'), false)
            THEN 'account_id'
        WHEN NOT coalesce(regexp_like(currency, '^[A-Z]{3}\z'), false) THEN 'currency'
        WHEN NOT coalesce(status IN ('open', 'frozen', 'closed'), false) THEN 'status'
        WHEN NOT coalesce(balance IS NOT NULL, false) THEN 'balance'
        WHEN NOT coalesce(version >= 0, false) THEN 'version'
        WHEN NOT coalesce(NOT has_overdraft_limit OR overdraft_limit = 0
            OR (NOT is_lane AND overdraft_limit BETWEEN 0 AND 9007199254740991), false)
            THEN 'overdraft_limit'
        WHEN NOT coalesce(is_lane OR opened_at IS NOT NULL, false) THEN 'opened_at'
        WHEN NOT coalesce(is_lane OR NOT has_credit_lanes OR credit_lanes BETWEEN 1 AND 1024, false) THEN 'credit_lanes'
        WHEN NOT coalesce(is_lane OR NOT has_lane_debits OR lane_debits IS NOT NULL, false) THEN 'lane_debits'
        WHEN NOT coalesce(is_lane OR NOT has_paused_until OR paused_until IS NOT NULL, false) THEN 'paused_until'
        WHEN NOT coalesce(
            is_lane OR NOT has_owner OR (owner <> 'none' AND regexp_like(owner, '^[!-~]{1,128}\z')), false
        ) THEN 'owner'
        WHEN NOT coalesce(NOT is_lane OR NOT has_shut OR shut IS NOT NULL, false) THEN 'shut'
        WHEN NOT coalesce(NOT is_lane OR NOT has_debited OR debited IS NOT NULL, false) THEN 'debited'
        WHEN NOT coalesce(is_lane OR NOT has_limits_version OR limits_version >= 0, false) THEN 'limits_version'
        WHEN NOT coalesce(
            is_lane OR NOT has_limits_version OR NOT has_max_payment
            OR max_payment BETWEEN 1 AND 9007199254740991, false
        ) THEN 'max_payment'
        WHEN NOT coalesce(
            is_lane OR NOT has_limits_version OR NOT has_max_balance
            OR max_balance BETWEEN 0 AND 9007199254740991, false
        ) THEN 'max_balance'
        WHEN NOT coalesce(windows.id IS NULL, false) THEN 'hour_…, day_… or month_…'
    END AS wrong
FROM account_texts AS texts
LEFT JOIN (SELECT DISTINCT id FROM window_items WHERE wrong IS NOT NULL) AS windows ON windows.id = texts.id;
