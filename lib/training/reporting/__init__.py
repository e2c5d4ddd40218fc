"""What a report shows: tables, sentences, pictures, verdict, model card; imports judging and below."""
