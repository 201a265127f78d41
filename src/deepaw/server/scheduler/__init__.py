"""What runs next: a bounded queue, fair between clients, and jobs that are cut into pieces and joined into batches."""
