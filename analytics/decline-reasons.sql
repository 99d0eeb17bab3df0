-- Why payments and refunds were declined on each day, the most frequent reason first.
SELECT
    substr(decided_at, 1, 10) AS day,
    CASE WHEN is_refund THEN 'refund' ELSE 'payment' END AS kind,
    reason_code AS reason,
    period,
    count(*) AS declined
FROM payments
WHERE status = 'declined'
GROUP BY substr(decided_at, 1, 10), is_refund, reason_code, period
ORDER BY day, declined DESC, kind, reason, period;
