"""Tables: reading CSV, JSON and Parquet, finding types, describing columns, making windows."""
