-- The hundred accounts that were paid most, in each currency. What they gave back is not taken off.
SELECT currency, place, creditor, payments, paid
FROM (
    SELECT
        currency,
        creditor,
        count(DISTINCT payment) AS payments,
        sum(CAST(amount AS DECIMAL(38, 0))) AS paid,
        row_number() OVER (
            PARTITION BY currency ORDER BY sum(CAST(amount AS DECIMAL(38, 0))) DESC, creditor
        ) AS place
    FROM transfers
    WHERE NOT is_refund
    GROUP BY currency, creditor
) AS paid
WHERE place <= 100
ORDER BY currency, place;
