-- Every file that a pack knows, and whether it may hold a wanted key.
SELECT file, bool_or(h IN (SELECT {hash} FROM (SELECT DISTINCT {columns} FROM {wanted}))) AS holds
FROM read_parquet($packs)
GROUP BY file
