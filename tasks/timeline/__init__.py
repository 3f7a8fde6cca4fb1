"""the edit as editors open it: one model, and a writer for each format"""
