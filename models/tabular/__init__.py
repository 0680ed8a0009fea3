"""Tables: reading CSV, JSON and Parquet, inferring types, describing columns."""
