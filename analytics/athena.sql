-- Athena reads an export. Replace BUCKET, SECOND, and in each LOCATION of a full export its id.
--
-- SECOND is the time of the full exports: no other full export may have incremental ones below it.
--
-- Gives what analytics/tables.sql reads: for each table its lines of full exports, and those of incremental ones. A
-- folder without files is an empty table. A line is one column, because no line of JSON holds the byte 1.
CREATE EXTERNAL TABLE accounts_full (line string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' STORED AS TEXTFILE
LOCATION 's3://BUCKET/SECOND/accounts/AWSDynamoDB/EXPORT-OF-ACCOUNTS/data/';

CREATE EXTERNAL TABLE accounts_changes (line string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' STORED AS TEXTFILE
LOCATION 's3://BUCKET/SECOND/accounts/AWSDynamoDB/data/';

CREATE EXTERNAL TABLE payments_full (line string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' STORED AS TEXTFILE
LOCATION 's3://BUCKET/SECOND/payments/AWSDynamoDB/EXPORT-OF-PAYMENTS/data/';

CREATE EXTERNAL TABLE payments_changes (line string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' STORED AS TEXTFILE
LOCATION 's3://BUCKET/SECOND/payments/AWSDynamoDB/data/';

CREATE EXTERNAL TABLE refunds_full (line string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' STORED AS TEXTFILE
LOCATION 's3://BUCKET/SECOND/refunds/AWSDynamoDB/EXPORT-OF-REFUNDS/data/';

CREATE EXTERNAL TABLE refunds_changes (line string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' STORED AS TEXTFILE
LOCATION 's3://BUCKET/SECOND/refunds/AWSDynamoDB/data/';

CREATE EXTERNAL TABLE dead_letters_full (line string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' STORED AS TEXTFILE
LOCATION 's3://BUCKET/SECOND/dead-letters/AWSDynamoDB/EXPORT-OF-DEAD-LETTERS/data/';

CREATE EXTERNAL TABLE dead_letters_changes (line string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY '\001' STORED AS TEXTFILE
LOCATION 's3://BUCKET/SECOND/dead-letters/AWSDynamoDB/data/';
