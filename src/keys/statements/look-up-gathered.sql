SELECT DISTINCT file FROM {gathered} WHERE h IN (SELECT {hash} FROM (SELECT DISTINCT {columns} FROM {wanted}))
