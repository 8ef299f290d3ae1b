SELECT {columns} FROM (
{model}
)
