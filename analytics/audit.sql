-- Checks a ledger that an export holds, the same on Athena and on DuckDB. A clean ledger gives no row. One
-- without accounts gives `nothing`.
--
-- Takes the views of analytics/ledger.sql. Gives what the auditor finds, by the same names: docs/auditing.md. `at_fault`
-- says what it is about, as the auditor does. `expected` and `found` are amounts in minor units, or words.
WITH postings AS (
    SELECT account, sum(amount) AS balance
    FROM (
        SELECT creditor AS account, CAST(amount AS DECIMAL(38, 0)) AS amount FROM transfers
        UNION ALL
        SELECT debtor AS account, -CAST(amount AS DECIMAL(38, 0)) AS amount FROM transfers
    ) AS sides
    GROUP BY account
),

-- Only of accounts that can be read as a whole.
whole_accounts AS (
    SELECT accounts.*
    FROM accounts
    LEFT JOIN unread_accounts AS unread ON unread.id = accounts.id
    WHERE unread.id IS NULL
),

counted_lanes AS (
    SELECT
        lanes.*,
        accounts.currency AS account_currency,
        accounts.status AS account_status,
        accounts.pays_from_lanes,
        accounts.max_balance IS NOT NULL AS has_maximum
    FROM lanes
    INNER JOIN whole_accounts AS accounts ON accounts.id = lanes.account AND lanes.lane < accounts.credit_lanes
),

parties AS (
    SELECT payment, debtor AS account, currency FROM transfers
    UNION ALL
    SELECT payment, creditor AS account, currency FROM transfers
),

-- What the payments of the newest period make, of each window.
window_payments AS (
    SELECT
        windows.id,
        windows.period,
        CASE windows.period
            WHEN 'hour' THEN concat(substr(moved.decided_at, 1, 13), ':00:00.000Z')
            WHEN 'day' THEN concat(substr(moved.decided_at, 1, 10), 'T00:00:00.000Z')
            ELSE concat(substr(moved.decided_at, 1, 7), '-01T00:00:00.000Z')
        END AS began,
        moved.amount
    FROM window_items AS windows
    INNER JOIN (
        SELECT
            payment,
            payer,
            decided_at,
            limits_version,
            sum(CASE WHEN debtor = payer THEN CAST(amount AS DECIMAL(38, 0)) ELSE 0 END) AS amount
        FROM transfers
        WHERE NOT is_refund AND limits_version IS NOT NULL
        GROUP BY payment, payer, decided_at, limits_version
    ) AS moved ON moved.payer = windows.id AND moved.limits_version >= windows.since
    WHERE windows.is_limited AND windows.wrong IS NULL
),

window_sums AS (
    SELECT id, period, began, sum(amount) AS amount, count(*) AS payments
    FROM window_payments
    GROUP BY id, period, began
),

newest_windows AS (
    SELECT sums.id, sums.period, sums.began, sums.amount, sums.payments
    FROM window_sums AS sums
    INNER JOIN (
        SELECT id, period, max(began) AS began FROM window_sums GROUP BY id, period
    ) AS newest ON newest.id = sums.id AND newest.period = sums.period AND newest.began = sums.began
),

refunds AS (
    SELECT id, refunded FROM refund_items WHERE wrong IS NULL
),

settled_refunds AS (
    SELECT total, sum(CAST(amount AS DECIMAL(38, 0))) AS amount FROM transfers WHERE is_refund GROUP BY total
),

further_legs AS (
    SELECT
        concat(payments.id, '/', CAST(legs.leg AS VARCHAR)) AS id,
        legs.debtor,
        legs.creditor,
        legs.currency,
        legs.amount,
        legs.reference,
        payments.decided_at
    FROM payments
    INNER JOIN leg_items AS legs ON legs.id = payments.id
    WHERE payments.status = 'settled' AND payments.is_legged AND legs.leg > 1
),

told_legs AS (
    SELECT * FROM payment_items WHERE wrong IS NULL AND is_leg
)

-- An audit of nothing proves nothing.
SELECT
    'nothing' AS finding,
    'table accounts' AS at_fault,
    'an account' AS expected,
    'none' AS found
FROM (SELECT count(*) AS items FROM account_items) AS counted
WHERE counted.items = 0
UNION ALL
SELECT
    'balance' AS finding,
    concat('account ', holdings.id) AS at_fault,
    CAST(coalesce(postings.balance, 0) AS VARCHAR) AS expected,
    CAST(holdings.balance AS VARCHAR) AS found
FROM holdings
INNER JOIN whole_accounts ON whole_accounts.id = holdings.id
LEFT JOIN postings ON postings.account = holdings.id
WHERE holdings.balance <> coalesce(postings.balance, 0)
UNION ALL
SELECT 'below_limit', concat('account ', id), CAST(-overdraft_limit AS VARCHAR), CAST(balance AS VARCHAR)
FROM accounts
WHERE balance < -overdraft_limit
UNION ALL
SELECT
    'above_maximum',
    concat('account ', holdings.id),
    CAST(holdings.max_balance AS VARCHAR),
    CAST(holdings.balance AS VARCHAR)
FROM holdings
INNER JOIN whole_accounts ON whole_accounts.id = holdings.id
WHERE holdings.balance > holdings.max_balance
UNION ALL
SELECT 'not_zero', concat('currency ', currency), '0', CAST(sum(CAST(balance AS DECIMAL(38, 0))) AS VARCHAR)
FROM account_items
WHERE wrong IS NULL
GROUP BY currency
HAVING sum(CAST(balance AS DECIMAL(38, 0))) <> 0
UNION ALL
SELECT 'lane', concat('lane ', id), account_currency, currency
FROM counted_lanes
WHERE currency <> account_currency
UNION ALL
SELECT 'lane', concat('lane ', id), account_status, status
FROM counted_lanes
WHERE status <> account_status
UNION ALL
SELECT 'lane', concat('lane ', id), 'to be shut and empty, beside a maximum', CAST(balance AS VARCHAR)
FROM counted_lanes
WHERE has_maximum AND NOT (is_shut AND balance = 0)
UNION ALL
SELECT 'lane', concat('lane ', id), 'to take payments, as its account has no maximum balance', 'shut'
FROM counted_lanes
WHERE NOT has_maximum AND account_status = 'open' AND is_shut
UNION ALL
SELECT 'lane', concat('lane ', id), 'a balance not below zero', CAST(balance AS VARCHAR)
FROM counted_lanes
WHERE balance < 0 AND NOT (pays_from_lanes AND NOT is_limited)
UNION ALL
SELECT 'no_lane', concat('lane ', accounts.id, '/', CAST(numbers.n AS VARCHAR)), 'to be there', 'none'
FROM whole_accounts AS accounts
INNER JOIN numbers ON numbers.n < accounts.credit_lanes
LEFT JOIN lanes ON lanes.account = accounts.id AND lanes.lane = numbers.n
WHERE (accounts.status <> 'open' OR accounts.max_balance IS NOT NULL) AND lanes.id IS NULL
UNION ALL
SELECT 'stray_lane', concat('lane ', lanes.id), 'an account that counts it', CAST(lanes.balance AS VARCHAR)
FROM lanes
LEFT JOIN accounts ON accounts.id = lanes.account
LEFT JOIN account_items AS mains ON mains.id = lanes.account AND mains.wrong IS NOT NULL
WHERE (accounts.id IS NULL OR lanes.lane >= accounts.credit_lanes) AND mains.id IS NULL
UNION ALL
SELECT 'no_account', concat('payment ', min(parties.payment), ', account ', parties.account), 'an account', 'none'
FROM parties
LEFT JOIN accounts ON accounts.id = parties.account
LEFT JOIN unread_accounts AS unread ON unread.id = parties.account
WHERE accounts.id IS NULL AND unread.id IS NULL
GROUP BY parties.account
UNION ALL
SELECT
    'currency',
    concat('payment ', parties.payment, ', account ', parties.account),
    accounts.currency,
    parties.currency
FROM parties
INNER JOIN accounts ON accounts.id = parties.account
WHERE parties.currency <> accounts.currency
UNION ALL
SELECT 'leg', concat('leg ', further.id), 'an item of its own', 'none'
FROM further_legs AS further
LEFT JOIN told_legs AS told ON told.id = further.id
WHERE told.id IS NULL
UNION ALL
SELECT 'leg', concat('leg ', told.id), 'a settled payment that has it', 'none'
FROM told_legs AS told
LEFT JOIN further_legs AS further ON further.id = told.id
WHERE further.id IS NULL
UNION ALL
SELECT 'leg', concat('leg ', told.id), 'to be as its payment says', 'another'
FROM told_legs AS told
INNER JOIN further_legs AS further ON further.id = told.id
WHERE
    told.debtor <> further.debtor
    OR told.creditor <> further.creditor
    OR told.currency <> further.currency
    OR told.amount <> further.amount
    OR told.decided_at <> further.decided_at
    OR told.reference IS DISTINCT FROM further.reference
UNION ALL
SELECT
    'refunded',
    concat('payment ', coalesce(refunds.id, settled.total)),
    CAST(coalesce(settled.amount, 0) AS VARCHAR),
    CAST(coalesce(refunds.refunded, 0) AS VARCHAR)
FROM refunds
FULL OUTER JOIN settled_refunds AS settled ON settled.total = refunds.id
LEFT JOIN refund_items AS unread ON unread.id = settled.total AND unread.wrong IS NOT NULL
WHERE coalesce(settled.amount, 0) <> coalesce(refunds.refunded, 0) AND unread.id IS NULL
UNION ALL
SELECT
    'over_refunded',
    concat('payment ', refunds.id),
    CAST(coalesce(paid.amount, 0) AS VARCHAR),
    CAST(refunds.refunded AS VARCHAR)
FROM refunds
LEFT JOIN transfers AS paid ON paid.total = refunds.id AND NOT paid.is_refund
WHERE refunds.refunded > coalesce(paid.amount, 0)
UNION ALL
SELECT
    'window',
    concat('account ', windows.id),
    concat(
        coalesce(counted.began, windows.began), ': ',
        CAST(coalesce(counted.amount, 0) AS VARCHAR), ' in ', CAST(coalesce(counted.payments, 0) AS VARCHAR)
    ),
    concat(
        coalesce(windows.began, counted.began), ': ',
        CAST(coalesce(windows.amount, 0) AS VARCHAR), ' in ', CAST(coalesce(windows.payments, 0) AS VARCHAR)
    )
FROM window_items AS windows
INNER JOIN whole_accounts ON whole_accounts.id = windows.id
LEFT JOIN newest_windows AS counted ON counted.id = windows.id AND counted.period = windows.period
WHERE
    windows.is_limited
    AND (
        counted.began IS DISTINCT FROM windows.began
        OR counted.amount IS DISTINCT FROM windows.amount
        OR counted.payments IS DISTINCT FROM windows.payments
    )
UNION ALL
SELECT 'unreadable', concat('table accounts, key "', coalesce(id, ''), '"'), wrong, 'unreadable'
FROM account_items
WHERE wrong IS NOT NULL
UNION ALL
SELECT 'unreadable', concat('table payments, key "', coalesce(id, ''), '"'), wrong, 'unreadable'
FROM payment_items
WHERE wrong IS NOT NULL
UNION ALL
SELECT 'unreadable', concat('table refunds, key "', coalesce(id, ''), '"'), wrong, 'unreadable'
FROM refund_items
WHERE wrong IS NOT NULL
UNION ALL
SELECT 'unreadable', concat('table dead-letters, key "', coalesce(id, ''), '"'), wrong, 'unreadable'
FROM letter_items
WHERE wrong IS NOT NULL
UNION ALL
SELECT
    'dead_letter',
    concat('dead letter ', id),
    CAST(max(parts) AS VARCHAR),
    CAST(count(*) AS VARCHAR)
FROM letter_items
WHERE wrong IS NULL
GROUP BY id
HAVING max(parts) IS NULL OR count(*) <> max(parts) OR max(part) <> max(parts) - 1
ORDER BY finding, at_fault;
