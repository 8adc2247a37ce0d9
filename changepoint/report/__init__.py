"""What people look at: tables and sentences, figures, HTML."""
