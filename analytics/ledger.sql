-- The ledger that an export holds, the same on Athena and on DuckDB: what can be read of it.
--
-- Takes the tables of analytics/tables.sql and analytics/payments.sql. The queries take these views.
CREATE VIEW accounts AS
SELECT
    id,
    currency,
    status,
    balance,
    overdraft_limit,
    credit_lanes,
    lane_debits AND overdraft_limit IS NULL AND credit_lanes > 0 AS pays_from_lanes,
    max_balance
FROM account_items
WHERE wrong IS NULL AND NOT is_lane;

CREATE VIEW lanes AS
SELECT
    id,
    account,
    lane,
    currency,
    status,
    balance,
    overdraft_limit IS NOT NULL AS is_limited,
    is_shut
FROM account_items
WHERE wrong IS NULL AND is_lane;

-- Accounts of which the main item or a lane can't be read.
CREATE VIEW unread_accounts AS
SELECT DISTINCT account AS id
FROM account_items
WHERE wrong IS NOT NULL;

-- What an account holds: its main item, and the lanes that it counts.
CREATE VIEW holdings AS
SELECT
    accounts.id,
    accounts.currency,
    accounts.max_balance,
    CAST(accounts.balance AS DECIMAL(38, 0)) + coalesce(counted.balance, 0) AS balance
FROM accounts
LEFT JOIN (
    SELECT lanes.account, sum(CAST(lanes.balance AS DECIMAL(38, 0))) AS balance
    FROM lanes
    INNER JOIN accounts ON accounts.id = lanes.account AND lanes.lane < accounts.credit_lanes
    GROUP BY lanes.account
) AS counted ON counted.account = accounts.id;

-- Payments, payments with legs and refunds, settled or declined.
CREATE VIEW payments AS
SELECT *
FROM payment_items
WHERE wrong IS NULL AND NOT is_leg;

-- What settled payments moved, one row a movement. `total` is what its refunds are summed under.
CREATE VIEW transfers AS
SELECT
    id AS payment,
    CASE
        WHEN NOT is_refund THEN id
        WHEN leg IS NULL THEN refund_of
        ELSE concat(refund_of, '/', CAST(leg AS VARCHAR))
    END AS total,
    is_refund,
    debtor AS payer,
    debtor,
    creditor,
    currency,
    amount,
    decided_at,
    limits_version
FROM payments
WHERE status = 'settled' AND NOT is_legged
UNION ALL
SELECT
    payments.id AS payment,
    concat(payments.id, '/', CAST(legs.leg AS VARCHAR)) AS total,
    false AS is_refund,
    payments.debtor AS payer,
    legs.debtor,
    legs.creditor,
    legs.currency,
    legs.amount,
    payments.decided_at,
    payments.limits_version
FROM payments
INNER JOIN leg_items AS legs ON legs.id = payments.id
WHERE payments.status = 'settled' AND payments.is_legged;
