-- How long clients waited for a decision on each day, in milliseconds: from `requested_at` to `decided_at`.
--
-- `requested_at` is the client's own clock. Payments without it are left out, and so are those that were decided before
-- they were asked for, and days such as February 30. On Athena a percentile is approximate in rank: where few waited as
-- long as others, its milliseconds may be far off.
SELECT
    substr(decided_at, 1, 10) AS day,
    count(*) AS payments,
    approx_percentile(waited, 0.5) AS p50,
    approx_percentile(waited, 0.95) AS p95,
    approx_percentile(waited, 0.99) AS p99,
    max(waited) AS longest
FROM (
    SELECT
        decided_at,
        date_diff(
            'millisecond',
            TRY_CAST(replace(replace(requested_at, 'T', ' '), 'Z', '') AS TIMESTAMP),
            TRY_CAST(replace(replace(decided_at, 'T', ' '), 'Z', '') AS TIMESTAMP)
        ) AS waited
    FROM payments
    WHERE requested_at IS NOT NULL
) AS asked
WHERE waited >= 0
GROUP BY substr(decided_at, 1, 10)
ORDER BY day;
