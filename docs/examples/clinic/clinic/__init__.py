"""A clinic that books visits and reminds its patients of them: Django with Procrastinate."""
