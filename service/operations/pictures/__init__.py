"""The documents that pictures are drawn from: plain values, bounded in size whatever the data is."""
