-- What was settled on each day, in each currency: payments, refunds, and how much each of them moved.
--
-- `paid` is what payments moved, each leg by itself, in minor units. `refunded` is what refunds gave back.
SELECT
    substr(decided_at, 1, 10) AS day,
    currency,
    count(DISTINCT CASE WHEN NOT is_refund THEN payment END) AS payments,
    sum(CASE WHEN NOT is_refund THEN CAST(amount AS DECIMAL(38, 0)) ELSE 0 END) AS paid,
    count(DISTINCT CASE WHEN is_refund THEN payment END) AS refunds,
    sum(CASE WHEN is_refund THEN CAST(amount AS DECIMAL(38, 0)) ELSE 0 END) AS refunded
FROM transfers
GROUP BY substr(decided_at, 1, 10), currency
ORDER BY day, currency;
