"""The call centre on Spark: bronze, silver and gold by docs/domain.md. The notebooks beside it are its thin mains."""
