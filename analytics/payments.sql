-- The items of the table `payments` as tables, and those of `refunds` and `dead-letters`: see analytics/tables.sql.

-- Stored, so that the lines are read once.
CREATE TABLE payment_texts AS
SELECT
    json_format(json_extract(item, '$.legs.L')) AS legs,
    json_extract_scalar(item, '$.payment_id.S') AS id,
    json_extract_scalar(item, '$.kind.S') AS kind,
    json_extract_scalar(item, '$.refund_of.S') AS refund_of,
    TRY_CAST(nullif(regexp_extract(json_extract_scalar(item, '$.leg.N'), '^-?[0-9]+\z'), '') AS BIGINT) AS leg,
    json_extract_scalar(item, '$.asked_for.S') AS asked_for,
    json_extract_scalar(item, '$.status.S') AS status,
    json_extract_scalar(item, '$.reason_code.S') AS reason_code,
    json_extract_scalar(item, '$.period.S') AS period,
    json_extract_scalar(item, '$.debtor_account.S') AS debtor,
    json_extract_scalar(item, '$.creditor_account.S') AS creditor,
    TRY_CAST(nullif(regexp_extract(json_extract_scalar(item, '$.amount.N'), '^-?[0-9]+\z'), '') AS BIGINT) AS amount,
    json_extract_scalar(item, '$.currency.S') AS currency,
    json_extract_scalar(item, '$.reference.S') AS reference,
    nullif(regexp_extract(
        json_extract_scalar(item, '$.requested_at.S'),
        '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[.][0-9]{3}Z\z'
    ), '') AS requested_at,
    json_extract_scalar(item, '$.requested_by.S') AS requested_by,
    nullif(regexp_extract(
        json_extract_scalar(item, '$.decided_at.S'),
        '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[.][0-9]{3}Z\z'
    ), '') AS decided_at,
    TRY_CAST(
        nullif(regexp_extract(json_extract_scalar(item, '$.limits_version.N'), '^-?[0-9]+\z'), '') AS BIGINT
    ) AS limits_version,
    regexp_like(json_extract_scalar(item, '$.fingerprint.S'), '^[0-9a-f]{64}\z') AS is_fingerprinted,
    json_extract_scalar(item, '$.source_topic.S') AS source_topic,
    TRY_CAST(
        nullif(regexp_extract(json_extract_scalar(item, '$.source_partition.N'), '^-?[0-9]+\z'), '') AS BIGINT
    ) AS source_partition,
    TRY_CAST(
        nullif(regexp_extract(json_extract_scalar(item, '$.source_offset.N'), '^-?[0-9]+\z'), '') AS BIGINT
    ) AS source_offset,
    json_extract(item, '$.kind') IS NOT NULL AS has_kind,
    json_extract(item, '$.leg') IS NOT NULL AS has_leg,
    json_extract(item, '$.asked_for') IS NOT NULL AS has_asked_for,
    json_extract(item, '$.reason_code') IS NOT NULL AS has_reason_code,
    json_extract(item, '$.period') IS NOT NULL AS has_period,
    json_extract(item, '$.creditor_account') IS NOT NULL AS has_creditor_account,
    json_extract(item, '$.currency') IS NOT NULL AS has_currency,
    json_extract(item, '$.reference') IS NOT NULL AS has_reference,
    json_extract(item, '$.requested_at') IS NOT NULL AS has_requested_at,
    json_extract(item, '$.requested_by') IS NOT NULL AS has_requested_by,
    json_extract(item, '$.limits_version') IS NOT NULL AS has_limits_version,
    json_extract(item, '$.legs') IS NOT NULL AS has_legs
FROM payments_now;

-- A row for each leg that the item of a payment lists. A leg without a debtor takes from the payment's.
CREATE VIEW leg_texts AS
SELECT
    texts.id,
    numbers.n + 1 AS leg,
    texts.debtor AS payer,
    json_extract(texts.legs, concat('$[', CAST(numbers.n AS VARCHAR), '].M.debtor_account')) IS NOT NULL AS has_debtor,
    json_extract(texts.legs, concat('$[', CAST(numbers.n AS VARCHAR), '].M.reference')) IS NOT NULL AS has_reference,
    json_extract_scalar(texts.legs, concat('$[', CAST(numbers.n AS VARCHAR), '].M.debtor_account.S')) AS own_debtor,
    json_extract_scalar(texts.legs, concat('$[', CAST(numbers.n AS VARCHAR), '].M.creditor_account.S')) AS creditor,
    json_extract_scalar(texts.legs, concat('$[', CAST(numbers.n AS VARCHAR), '].M.currency.S')) AS currency,
    json_extract_scalar(texts.legs, concat('$[', CAST(numbers.n AS VARCHAR), '].M.reference.S')) AS own_reference,
    texts.reference,
    TRY_CAST(nullif(regexp_extract(
        json_extract_scalar(texts.legs, concat('$[', CAST(numbers.n AS VARCHAR), '].M.amount.N')), '^-?[0-9]+\z'
    ), '') AS BIGINT) AS amount
FROM payment_texts AS texts
INNER JOIN numbers ON numbers.n < json_array_length(texts.legs)
WHERE NOT texts.has_kind AND texts.legs IS NOT NULL AND numbers.n < 17;

CREATE TABLE leg_items AS
SELECT
    id,
    leg,
    coalesce(own_debtor, payer) = payer AS is_payers,
    coalesce(own_debtor, payer) AS debtor,
    creditor,
    currency,
    amount,
    coalesce(own_reference, reference) AS reference,
    CASE
        WHEN NOT coalesce(NOT has_debtor OR regexp_like(own_debtor, '^[A-Za-z0-9._:-]{1,64}\z'), false)
            THEN 'debtor_account'
        WHEN NOT coalesce(regexp_like(creditor, '^[A-Za-z0-9._:-]{1,64}\z'), false) THEN 'creditor_account'
        WHEN NOT coalesce(amount BETWEEN 1 AND 9007199254740991, false) THEN 'amount'
        WHEN NOT coalesce(regexp_like(currency, '^[A-Z]{3}\z'), false) THEN 'currency'
        WHEN NOT coalesce(NOT has_reference OR own_reference IS NOT NULL, false) THEN 'reference'
        WHEN NOT coalesce(leg <= 16, false) THEN 'legs'
    END AS wrong
FROM leg_texts;

-- Payments whose legs can be read: 2 to 16, at least one of them from the payment's debtor.
CREATE VIEW legged AS
SELECT id
FROM leg_items
GROUP BY id
HAVING count(*) BETWEEN 2 AND 16 AND count(wrong) = 0 AND sum(CASE WHEN is_payers THEN 1 ELSE 0 END) > 0;

-- What an item is: the item of a further leg, a refund, a payment with legs, or a plain payment. `tells_money` says
-- that its creditor, amount and currency must be there.
CREATE VIEW payment_kinds AS
SELECT
    *,
    coalesce(kind, '') = 'leg' AS is_leg,
    coalesce(kind, '') = 'refund' AS is_refund,
    NOT has_kind AND has_legs AS is_legged,
    (NOT has_kind AND NOT has_legs) OR coalesce(kind, '') = 'leg'
    OR (coalesce(kind, '') = 'refund' AND (status = 'settled' OR has_creditor_account OR has_currency)) AS tells_money
FROM payment_texts;

CREATE TABLE payment_items AS
SELECT
    texts.id,
    is_leg,
    is_refund,
    is_legged,
    refund_of,
    leg,
    status,
    reason_code,
    period,
    debtor,
    creditor,
    amount,
    currency,
    reference,
    requested_at,
    decided_at,
    limits_version,
    CASE
        WHEN NOT coalesce(is_leg OR regexp_like(texts.id, '^[A-Za-z0-9._:-]{1,64}\z'), false) THEN 'payment_id'
        WHEN NOT coalesce(NOT is_leg OR regexp_like(texts.id, '^[A-Za-z0-9._:-]{1,64}/([2-9]|1[0-6])\z'), false)
            THEN 'payment_id'
        WHEN NOT coalesce(NOT has_kind OR is_leg OR is_refund, false) THEN 'kind'
        WHEN NOT coalesce(is_leg OR (status = 'settled' AND NOT has_reason_code)
            OR (status = 'declined' AND reason_code IS NOT NULL), false)
            THEN 'status'
        WHEN NOT coalesce(is_leg OR NOT has_reason_code OR (reason_code = 'velocity_limit' AND has_period)
            OR (NOT has_period AND reason_code IN (
                'original_not_found', 'not_refundable', 'original_not_settled', 'refund_mismatch', 'same_account',
                'debtor_not_found', 'creditor_not_found', 'debtor_closed', 'creditor_closed', 'debtor_frozen',
                'creditor_frozen', 'currency_mismatch', 'leg_debtor_not_allowed', 'payment_limit',
                'exceeds_refundable', 'balance_limit', 'balance_overflow', 'insufficient_funds'
            )), false)
            THEN 'reason_code'
        WHEN NOT coalesce(is_leg OR NOT has_period OR period IN ('hour', 'day', 'month'), false) THEN 'period'
        WHEN NOT coalesce(regexp_like(debtor, '^[A-Za-z0-9._:-]{1,64}\z'), false) THEN 'debtor_account'
        WHEN NOT coalesce(NOT tells_money OR regexp_like(creditor, '^[A-Za-z0-9._:-]{1,64}\z'), false)
            THEN 'creditor_account'
        WHEN NOT coalesce(
            NOT (tells_money OR (is_refund AND NOT has_asked_for)) OR amount BETWEEN 1 AND 9007199254740991, false
        ) THEN 'amount'
        WHEN NOT coalesce(NOT tells_money OR regexp_like(currency, '^[A-Z]{3}\z'), false) THEN 'currency'
        WHEN NOT coalesce(NOT is_refund OR NOT has_asked_for OR asked_for = 'all_left', false) THEN 'asked_for'
        WHEN NOT coalesce(NOT is_refund OR regexp_like(refund_of, '^[A-Za-z0-9._:-]{1,64}\z'), false) THEN 'refund_of'
        WHEN NOT coalesce(NOT is_legged OR legged.id IS NOT NULL, false) THEN 'legs'
        WHEN NOT coalesce(NOT is_refund OR NOT has_leg OR leg BETWEEN 1 AND 16, false) THEN 'leg'
        WHEN NOT coalesce(NOT is_legged OR (status = 'settled' AND NOT has_leg)
            OR (status = 'declined' AND leg BETWEEN 1 AND 16), false)
            THEN 'leg'
        WHEN NOT coalesce(NOT has_reference OR reference IS NOT NULL, false) THEN 'reference'
        WHEN NOT coalesce(is_leg OR NOT has_requested_at OR requested_at IS NOT NULL, false) THEN 'requested_at'
        WHEN NOT coalesce(is_leg OR NOT has_requested_by
            OR (requested_by <> 'none' AND regexp_like(requested_by, '^[!-~]{1,128}\z')), false)
            THEN 'requested_by'
        WHEN NOT coalesce(decided_at IS NOT NULL, false) THEN 'decided_at'
        WHEN NOT coalesce(is_leg OR NOT has_limits_version OR limits_version >= 0, false) THEN 'limits_version'
        WHEN NOT coalesce(is_leg OR is_fingerprinted, false) THEN 'fingerprint'
        WHEN NOT coalesce(is_leg OR source_topic IS NOT NULL, false) THEN 'source_topic'
        WHEN NOT coalesce(is_leg OR source_partition BETWEEN -2147483648 AND 2147483647, false) THEN 'source_partition'
        WHEN NOT coalesce(is_leg OR source_offset IS NOT NULL, false) THEN 'source_offset'
    END AS wrong
FROM payment_kinds AS texts
LEFT JOIN legged ON legged.id = texts.id;

CREATE TABLE refund_items AS
SELECT
    id,
    refunded,
    CASE
        WHEN NOT coalesce(regexp_like(id, '^[A-Za-z0-9._:-]{1,64}(/([1-9]|1[0-6]))?\z'), false) THEN 'payment_id'
        WHEN NOT coalesce(refunded >= 0, false) THEN 'refunded'
    END AS wrong
FROM (
    SELECT
        json_extract_scalar(item, '$.payment_id.S') AS id,
        TRY_CAST(
            nullif(regexp_extract(json_extract_scalar(item, '$.refunded.N'), '^-?[0-9]+\z'), '') AS BIGINT
        ) AS refunded
    FROM refunds_now
) AS texts;

-- A dead letter of one part is read whole. Of a longer one only the numbers are.
CREATE VIEW letter_texts AS
SELECT
    json_extract_scalar(item, '$.source.S') AS id,
    TRY_CAST(nullif(regexp_extract(json_extract_scalar(item, '$.part.N'), '^-?[0-9]+\z'), '') AS BIGINT) AS part,
    TRY_CAST(nullif(regexp_extract(json_extract_scalar(item, '$.parts.N'), '^-?[0-9]+\z'), '') AS BIGINT) AS parts,
    json_extract_scalar(item, '$.reason.S') AS reason,
    json_extract_scalar(item, '$.detail.S') AS detail,
    nullif(regexp_extract(
        json_extract_scalar(item, '$.received_at.S'),
        '^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3])(:[0-5][0-9]){2}[.][0-9]{3}Z\z'
    ), '') AS received_at,
    json_extract_scalar(item, '$.status.S') AS status,
    coalesce(json_extract_scalar(item, '$.parts.N'), '') = '1' AS is_whole,
    json_extract(item, '$.key') IS NULL OR json_extract(item, '$.key.B') IS NOT NULL AS key_is_bytes,
    json_extract(item, '$.value') IS NULL OR json_extract(item, '$.value.B') IS NOT NULL AS value_is_bytes,
    json_extract(item, '$.headers') IS NULL OR json_extract(item, '$.headers.L') IS NOT NULL AS headers_are_listed
FROM dead_letters_now;

CREATE TABLE letter_items AS
SELECT
    id,
    part,
    CASE WHEN part = 0 THEN parts END AS parts,
    CASE
        WHEN NOT coalesce(regexp_like(id, '^.+/-?[0-9]{1,10}/-?[0-9]{1,19}(/[0-9a-f]{16})?\z'), false) THEN 'source'
        WHEN NOT coalesce(part >= 0, false) THEN 'part'
        WHEN NOT coalesce(part > 0 OR parts >= 0, false) THEN 'parts'
        WHEN NOT coalesce(part > 0 OR NOT is_whole OR reason IS NOT NULL, false) THEN 'reason'
        WHEN NOT coalesce(part > 0 OR NOT is_whole OR detail IS NOT NULL, false) THEN 'detail'
        WHEN NOT coalesce(part > 0 OR NOT is_whole OR received_at IS NOT NULL, false) THEN 'received_at'
        WHEN NOT coalesce(part > 0 OR NOT is_whole OR status IN ('parked', 'redriven'), false) THEN 'status'
        WHEN NOT coalesce(part > 0 OR NOT is_whole OR key_is_bytes, false) THEN 'key'
        WHEN NOT coalesce(part > 0 OR NOT is_whole OR value_is_bytes, false) THEN 'value'
        WHEN NOT coalesce(part > 0 OR NOT is_whole OR headers_are_listed, false) THEN 'headers'
    END AS wrong
FROM letter_texts;
