-- Where no file went every row of the new ones is new: nothing is to be weighed against each other.
CREATE OR REPLACE TABLE changed AS SELECT {columns} FROM ({new_rows})
