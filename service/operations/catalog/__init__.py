"""Models, datasets and versions: creating, finding, changing, deleting."""
