-- How many lines were read of each table, to be held against `itemCount` of the manifests. On DuckDB run.py does that.
SELECT 'accounts' AS name, 'full' AS kind, count(*) AS lines FROM accounts_full
UNION ALL
SELECT 'accounts', 'changes', count(*) FROM accounts_changes
UNION ALL
SELECT 'payments', 'full', count(*) FROM payments_full
UNION ALL
SELECT 'payments', 'changes', count(*) FROM payments_changes
UNION ALL
SELECT 'refunds', 'full', count(*) FROM refunds_full
UNION ALL
SELECT 'refunds', 'changes', count(*) FROM refunds_changes
UNION ALL
SELECT 'dead-letters', 'full', count(*) FROM dead_letters_full
UNION ALL
SELECT 'dead-letters', 'changes', count(*) FROM dead_letters_changes
ORDER BY name, kind;
